package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/secrets"
)

// Outside of the service of systemd, a credential is read from where the unit takes it.
func TestCredstore(t *testing.T) {
	credstore := t.TempDir()
	if err := os.WriteFile(filepath.Join(credstore, "rtcollector.redis_password"), []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	outside, err := New(secrets.StoreEnv{}, Config{})
	if err != nil || outside.credstore != "/etc/credstore" {
		t.Fatalf("%+v, %v", outside, err)
	}
	outside.dir, outside.credstore = t.TempDir(), credstore
	if text, err := outside.Secret(t.Context(), "redis_password"); text != "hunter2" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := outside.Secret(t.Context(), "other"); !secret.IsNotFound(err) || !strings.Contains(err.Error(), "rtcollector.other") {
		t.Error(err)
	}
	for name, config := range map[string]Config{"configured": {Dir: credstore}, "in the service": {}} {
		s, err := New(secrets.StoreEnv{Getenv: func(string) (string, bool) { return credstore, true }}, config)
		if err != nil || s.credstore != "" {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}
