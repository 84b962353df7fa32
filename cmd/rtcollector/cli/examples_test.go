package cli_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// noConfiguration lists YAML files among the examples that are for other programs.
var noConfiguration = []string{"compose.yaml", "rtcollector.yaml", "kustomization.yaml", "namespace.yaml", "daemonset.yaml"}

func exampleEnv() config.Env {
	return config.Env{
		Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), GOOS: "linux",
		Getenv: func(string) (string, bool) { return "", false },
	}
}

func TestExamplesAreWithoutMistakes(t *testing.T) {
	files := []string{"../../../config.example.yaml"}
	err := filepath.WalkDir("../../../examples", func(path string, d fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".yaml" && !slices.Contains(noConfiguration, d.Name()) {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		c, err := config.Load(t.Context(), file, exampleEnv())
		if err != nil {
			t.Error(err)
			continue
		}
		if len(c.Warnings) > 0 && filepath.Base(file) != "predecessor.yaml" {
			t.Errorf("warnings:\n%v", c.Warnings)
		}
	}
}

// TestPrintedConfigurations: what "config print" prints is a configuration that would not change the agent, as far as it has no credentials.
func TestPrintedConfigurations(t *testing.T) {
	texts := map[string]string{}
	for _, d := range pluginsall.Catalog().For("linux") {
		if d.Runs("linux") {
			texts["input "+d.Name()] = "inputs:\n" + d.Settings() + "outputs: [stdout]\n"
		}
	}
	for _, d := range outputsall.Catalog().For("linux") {
		texts["output "+d.Name()] = "inputs: []\noutputs:\n" + d.Settings()
	}
	example, err := os.ReadFile("../../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	texts["config.example.yaml"] = string(example)
	env := exampleEnv()
	env.KeepSource = true
	for name, text := range texts {
		before, err := config.Parse(t.Context(), name, []byte(text), env)
		if err != nil {
			continue // samples with alternatives that exclude each other
		}
		printed, err := before.Print()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		now, err := config.Parse(t.Context(), name, printed, env)
		if err != nil {
			t.Errorf("%s: %v in\n%s", name, err, printed)
			continue
		}
		again, err := now.Print()
		if diff := cmp.Diff(string(printed), string(again)); err != nil || diff != "" {
			t.Errorf("%s: printed twice: %v\n%s", name, err, diff)
		}
	}
}

// TestExampleSelectsWhatTheSampleDoes: config.example.yaml and "plugins sample" select the same metrics.
func TestExampleSelectsWhatTheSampleDoes(t *testing.T) {
	sample := "inputs:\n"
	for _, d := range pluginsall.Catalog() {
		if d.Starts("linux") {
			sample += d.Starter()
		}
	}
	path := filepath.Join(t.TempDir(), "sample.yaml")
	if err := os.WriteFile(path, []byte(sample+"outputs: [stdout]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want, got := selections(t, path), selections(t, "../../../config.example.yaml")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-sample +example:\n%s", diff)
	}
}

// selections returns which metrics of its inputs a configuration selects.
func selections(t *testing.T, file string) map[string]string {
	t.Helper()
	c, err := config.Load(t.Context(), file, exampleEnv())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, in := range c.Inputs {
		o := in.Built.Options
		all[in.Built.Definition.Name()] = fmt.Sprint(o.Metrics.Include, o.Metrics.Exclude)
	}
	return all
}

// TestExampleConfigurationIsComplete finds settings that config.example.yaml does not show.
func TestExampleConfigurationIsComplete(t *testing.T) {
	data, err := os.ReadFile("../../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	want := map[string][]string{
		"the agent": conf.Keys(config.Settings{}), "web": conf.Keys(config.Web{}), "web.limits": conf.Keys(config.WebLimits{}), "web.auth": conf.Keys(httpauth.Auth{}),
	}
	for _, d := range pluginsall.Catalog() {
		want[d.Name()] = append(conf.Keys(d.Defaults()), d.Name())
	}
	for _, d := range outputsall.Catalog() {
		want[d.Name()] = append(conf.Keys(d.Defaults()), d.Name())
	}
	for _, d := range secretsall.Catalog() {
		want[d.Name()] = append(conf.Keys(d.Defaults()), "type: "+d.Name())
	}
	for owner, keys := range want {
		for _, key := range keys {
			if !strings.Contains(text, key) {
				t.Errorf("config.example.yaml does not show %s of %s", key, owner)
			}
		}
	}
}
