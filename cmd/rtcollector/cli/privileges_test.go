package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/capability"
	"github.com/rtcollector/rtcollector/internal/catalog"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	"github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// Every capability that an input needs is known to the command, so that it can say whether it is there.
func TestInputsNeedKnownCapabilities(t *testing.T) {
	privileged := 0
	for _, d := range all.Catalog() {
		config := reflect.New(reflect.TypeOf(d.Defaults()))
		config.Elem().Set(reflect.ValueOf(d.Defaults()))
		p, ok := config.Interface().(catalog.Privileged)
		if !ok {
			continue
		}
		privileged++
		for _, one := range p.Privileges() {
			for _, name := range strings.Fields(one.Capabilities) {
				if !capability.IsKnown(name) || one.Without == "" {
					t.Errorf("%s: %+v", d.Name(), one)
				}
			}
		}
	}
	if privileged < 3 {
		t.Errorf("%d inputs need capabilities", privileged)
	}
}

func TestCheckPrivileges(t *testing.T) {
	if _, ok := ownCapabilities(); !ok {
		t.Skip("no capabilities here")
	}
	config := filepath.Join(t.TempDir(), "config.yaml")
	text := "inputs:\n  - exec: {commands: [date], user: nobody}\n  - linux_mem: {}\noutputs:\n  - stdout: {}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	app := App{Inputs: all.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), Stdout: &out, Stderr: &errs, GOOS: "linux", Getenv: os.LookupEnv}
	status := Main(t.Context(), []string{"check", "--privileges", "--config", config}, app)
	if status != 0 || !strings.Contains(out.String(), "exec") || !strings.Contains(out.String(), "CAP_SETUID CAP_SETGID") || strings.Contains(out.String(), "linux_mem ") {
		t.Errorf("status %d: %s%s", status, &out, &errs)
	}
}
