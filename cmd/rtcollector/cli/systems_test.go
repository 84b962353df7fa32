package cli_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// TestSampleOfOtherSystems checks that what "plugins sample" prints on a system is a configuration without mistakes there, that "plugins
// list" has the same names, and that "plugins show" finds them.
func TestSampleOfOtherSystems(t *testing.T) {
	for _, goos := range []string{"darwin", "windows", "freebsd"} {
		run := func(args ...string) string {
			var out bytes.Buffer
			app := cli.App{
				Version: "test", Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(),
				Stdout: &out, Stderr: &out, Getenv: os.LookupEnv, GOOS: goos,
			}
			if code := cli.Main(t.Context(), args, app); code != 0 {
				t.Errorf("%s on %s: status %d: %s", args, goos, code, &out)
			}
			return out.String()
		}
		sample := run("plugins", "sample")
		env := exampleEnv()
		env.GOOS = goos
		c, err := config.Parse(t.Context(), "sample", []byte(sample), env)
		if err != nil || len(c.Warnings) > 0 {
			t.Errorf("the sample of %s: %v %v", goos, err, c)
			continue
		}
		ids := map[string]bool{}
		for _, in := range c.Inputs {
			ids[in.ID] = true
		}
		list := run("plugins", "list")
		for _, name := range []string{"cpu", "mem", "disk", "net", "io", "swap", "system", "processes", "netstat"} {
			if !ids[name] || !strings.Contains(list, "\n"+name+" ") {
				t.Errorf("%s is not among the inputs of %s", name, goos)
			}
		}
		if strings.Contains(list, "\nlinux_cpu ") || strings.Contains(sample, "linux_") || ids["macos_cpu"] {
			t.Errorf("%s has inputs of other systems:\n%s\n%s", goos, sample, list)
		}
		if text := run("plugins", "sample", "net"); !strings.HasPrefix(text, "- net:\n") {
			t.Errorf("the sample of net on %s: %s", goos, text)
		}
		if text := run("plugins", "show", "net"); !strings.HasPrefix(text, "# linux_net\n") {
			t.Errorf("the documentation of net on %s: %.40s", goos, text)
		}
	}
}

// TestPredecessorsConfigurationOfOtherSystems checks that the Python agent's configuration has no errors on any system, and that linux_cpu
// selects what it selected there.
func TestPredecessorsConfigurationOfOtherSystems(t *testing.T) {
	for goos, want := range map[string]string{"linux": "linux_cpu", "darwin": "macos_cpu", "windows": "", "freebsd": ""} {
		env := exampleEnv()
		env.GOOS = goos
		c, err := config.Load(t.Context(), "../../../examples/predecessor.yaml", env)
		if err != nil {
			t.Errorf("%s: %v", goos, err)
			continue
		}
		got := ""
		for _, in := range c.Inputs {
			if strings.HasSuffix(in.ID, "_cpu") {
				got = in.ID
			}
		}
		if got != want || goos != "linux" && !strings.Contains(c.Warnings.Error(), "linux_cpu is not available on "+goos) {
			t.Errorf("%s: linux_cpu selects %q, want %q; %v", goos, got, want, c.Warnings)
		}
	}
}
