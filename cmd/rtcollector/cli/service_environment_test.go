package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/service"
	"github.com/rtcollector/rtcollector/internal/secret"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// TestServiceEnvironment: before it is installed, the configuration is checked with the variables of the service, not with those of the
// shell. Secrets that only the service may have do not prevent the installation.
func TestServiceEnvironment(t *testing.T) {
	t.Setenv("RTC_TEST_SHELL", "of the shell")
	t.Setenv("SECRET_SHELL", "of the shell")
	environment := filepath.Join(t.TempDir(), "environment")
	if err := os.WriteFile(environment, []byte("RTC_TEST_HOST=redis.lan\nSECRET_KNOWN=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, config, want, warning string }{
		{"set", "outputs: [redistimeseries: {host: '${RTC_TEST_HOST}', password: secret:known}]", "", ""},
		{"not set", "outputs: [redistimeseries: {host: '${RTC_TEST_SHELL}'}]", "RTC_TEST_SHELL is not set (write ${RTC_TEST_SHELL:-value} for a default)\n" +
			"the service gets its variables from " + environment + ": set them there", ""},
		{"missing variable of a secret", "outputs: [redistimeseries: {password: secret:shell}]", "", "SECRET_SHELL is not set"},
		{"missing credential", "secret_store: {type: file}\noutputs: [redistimeseries: {password: secret:no_such_credential}]", "", "systemd passes other credentials to the service only"},
		{"missing credential of a setting", "secret_store: {type: file}\noutputs: [redistimeseries: {host: secret:no_such_host}]", "", "rtcollector.no_such_host"},
		{"mistake", "secret_store: {type: file}\noutputs: [redistimeseries: {hots: x}]", "hots", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(config, []byte("inputs: []\n"+tc.config+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			a := &App{
				Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), Stdout: &stderr, Stderr: &stderr,
				Getenv: os.LookupEnv, GOOS: "linux", redactor: &secret.Redactor{},
			}
			a.openStreams()
			err := a.checkServiceSettings(t.Context(), service.Definition{Environment: environment}, service.Settings{Binary: "/bin/true", Config: config})
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if (stderr.Len() == 0) != (tc.warning == "") || !strings.Contains(stderr.String(), tc.warning) {
				t.Errorf("printed %q, want %q", &stderr, tc.warning)
			}
		})
	}
}
