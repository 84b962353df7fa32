package cli_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/service"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// TestServiceDryRun shows every system on every system, and needs neither rights nor a configuration.
func TestServiceDryRun(t *testing.T) {
	for _, system := range service.Systems() {
		code, out, stderr := execute(t, "service", "install", "--dry-run", "--system", system, "--binary", "/opt/rtcollector", "--config", "/srv/c.yaml")
		if code != 0 || stderr != "" && !strings.Contains(stderr, "/srv/c.yaml: no such file") {
			t.Errorf("%s: exit code %d\n%s", system, code, stderr)
		}
		for _, want := range []string{service.Marker, "/opt/rtcollector", "/srv/c.yaml"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %s in:\n%s", system, want, out)
			}
		}
		code, removal, _ := execute(t, "service", "uninstall", "--dry-run", "--system", system)
		if code != 0 || !strings.Contains(removal, "remove") || strings.Contains(removal, "config.yaml") {
			t.Errorf("%s: exit code %d\n%s", system, code, removal)
		}
	}
}

// TestServiceMistakes: nothing is installed, and the message says what to do. The program of the tests is in a place for temporary files, so it
// would never be installed.
func TestServiceMistakes(t *testing.T) {
	wrong := writeConfig(t, "inputs: [nope]\noutputs: [stdout]\n")
	good := writeConfig(t, "inputs: []\noutputs: [stdout]\n")
	for _, tc := range []struct {
		args, want string
		code       int
	}{
		{"service install --system windows", "add --dry-run", 2},
		{"service install --dry-run --system upstart", "is not one of systemd, openrc", 2},
		{"service instal", "did you mean \"install\"", 2},
		{"service install --dry-run --system systemd --binary /bin/true --config " + wrong, "", 0},
		{"health --config " + wrong, `unknown input "nope"`, 2},
		{"health --config " + good, "", 0},
	} {
		if code, _, stderr := execute(t, strings.Fields(tc.args)...); code != tc.code || !strings.Contains(stderr, tc.want) {
			t.Errorf("%s: exit code %d, want %d and %q\n%s", tc.args, code, tc.code, tc.want, stderr)
		}
	}
}

// TestServiceObstacles: on a system with a manager of services, what would stop the installation is shown.
func TestServiceObstacles(t *testing.T) {
	own, err := service.Detect("linux")
	if err != nil {
		t.Skip(err)
	}
	for binary, want := range map[string]string{"/tmp/rtcollector": "a place for temporary files", "/bin/true": "no such file"} {
		if _, _, stderr := execute(t, "service", "install", "--dry-run", "--system", own, "--binary", binary, "--config", "/no/such.yaml"); !strings.Contains(stderr, want) {
			t.Errorf("%s: %s", binary, stderr)
		}
	}
}

// TestHealth asks a running agent, also over TLS-less wildcard addresses, and notices one that does not answer.
func TestHealth(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	config := writeConfig(t, "web: {listen: '0.0.0.0:"+port+"', auth: none}\ninputs: []\noutputs: [redistimeseries: {port: 1}]\n")
	if code, _, stderr := execute(t, "health", "--config", config); code != 1 || !strings.Contains(stderr, "connection refused") {
		t.Errorf("nothing runs: exit code %d, %s", code, stderr)
	}
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		executeUntil(t, ctx, func(text string) {
			if strings.Contains(text, "rtcollector started") {
				ready <- struct{}{}
			}
		}, "run", "--config", config)
	}()
	<-ready
	if code, out, stderr := execute(t, "health", "--config", config); code != 0 {
		t.Errorf("exit code %d, %s%s", code, out, stderr)
	}
	stop()
	<-ended
}

// TestConfigurationOfTheSystem: where a configuration is found without --config.
func TestConfigurationOfTheSystem(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(t.TempDir())
	config := filepath.Join(dir, "rtcollector", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(config), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("inputs: []\noutputs: [stdout]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ goos, variable string }{{"windows", "ProgramData"}, {"linux", "XDG_CONFIG_HOME"}} {
		var out strings.Builder
		code := cli.Main(t.Context(), []string{"check"}, cli.App{
			Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), Stdout: &out, Stderr: &out, GOOS: tc.goos,
			Getenv: func(name string) (string, bool) {
				if name == tc.variable {
					return dir, true
				}
				return "", false
			},
		})
		if code != 0 || !strings.HasPrefix(out.String(), config+": ok") {
			t.Errorf("%s: exit code %d, %s", tc.goos, code, &out)
		}
	}
}

// TestCompletions: what the scripts of the shells ask for.
func TestCompletions(t *testing.T) {
	for args, want := range map[string][]string{
		"plugins show|":              {"linux_cpu", "redistimeseries", "vault", "cpu"},
		"plugins sample|":            {"syslog"},
		"logs --severity|":           {"warning..", "error"},
		"logs --source|":             {"syslog"},
		"once --format|":             {"ts.add"},
		"export --format|":           {"jsonl"},
		"observe --preset|":          {"ci"},
		"processes top --by|":        {"rss", "tx"},
		"service install --system|":  {"openrc"},
		"service uninstall --system": {"rc.d"},
		"web --auth|":                {"none"},
	} {
		_, out, _ := execute(t, append(append([]string{"__complete"}, strings.Fields(strings.TrimSuffix(args, "|"))...), "")...)
		for _, word := range want {
			if !strings.Contains("\n"+out, "\n"+word+"\n") {
				t.Errorf("%s: %s is not offered:\n%s", args, word, out)
			}
		}
	}
}

// TestEveryCommandIsDocumented: manual pages are made of these texts.
func TestEveryCommandIsDocumented(t *testing.T) {
	root := cli.Commands(cli.App{Stdout: io.Discard, Stderr: io.Discard, Getenv: os.LookupEnv})
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Short == "" && !c.Hidden {
			t.Errorf("%s has no description", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
}
