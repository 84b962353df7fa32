//go:build unix

package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// check and all other commands warn of what the permissions of files let other users do, and of nothing else.
func TestPermissionsOfFiles(t *testing.T) {
	for name, c := range map[string]struct {
		folder, config, state os.FileMode
		password, want        string
	}{
		"all well":           {0o755, 0o644, 0o600, "", ""},
		"private password":   {0o755, 0o600, 0o600, ", password: hunter2", ""},
		"public password":    {0o755, 0o644, 0o600, ", password: hunter2", ":3: a credential is written here"},
		"public reference":   {0o755, 0o644, 0o600, ", password: 'secret:none'", ""},
		"config for all":     {0o755, 0o666, 0o600, "", "decide which programs the agent runs"},
		"folder for all":     {0o777, 0o600, 0o600, "", "decide which programs the agent runs"},
		"sticky folder":      {0o777 | os.ModeSticky, 0o600, 0o600, "", ""},
		"state for everyone": {0o755, 0o600, 0o666, "", "forge what the agent has stored"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			config, state := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "events.db")
			text := fmt.Sprintf("inputs: [internal]\noutputs:\n  - redistimeseries: {host: 127.0.0.1%s}\n  - sqlite: {path: %s}\n", c.password, state)
			for path, content := range map[string]string{config: text, state: ""} {
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for path, mode := range map[string]os.FileMode{config: c.config, state: c.state, dir: c.folder} {
				if err := os.Chmod(path, mode); err != nil { // the umask does not matter here
					t.Fatal(err)
				}
			}
			t.Setenv("SECRET_NONE", "x")
			code, _, stderr := execute(t, "check", "--config", config)
			if code != 0 || c.want == "" && stderr != "" || !strings.Contains(stderr, c.want) || strings.Contains(stderr, "hunter2") {
				t.Errorf("status %d: %s", code, stderr)
			}
		})
	}
}
