package migrate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rtcollector/rtcollector/agent/config"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

var update = flag.Bool("update", false, "write the results into testdata")

// TestTranslate translates the file "in" of each archive. The result must be the file "config.yaml", which the agent accepts, and the notes
// the file "notes".
func TestTranslate(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no archives", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			content := func(name string) string {
				for _, f := range archive.Files {
					if f.Name == name {
						return string(f.Data)
					}
				}
				return ""
			}
			result, err := Translate([]byte(content("in")), "")
			if err != nil {
				t.Fatal(err)
			}
			notes := printNotes(result.Notes)
			if *update {
				archive.Files = []txtar.File{{Name: "in", Data: []byte(content("in"))}, {Name: "config.yaml", Data: result.Config}, {Name: "notes", Data: []byte(notes)}}
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(content("config.yaml"), string(result.Config)); diff != "" {
				t.Errorf("config: -want +got\n%s", diff)
			}
			if diff := cmp.Diff(content("notes"), notes); diff != "" {
				t.Errorf("notes: -want +got\n%s", diff)
			}
			if strings.Contains(string(result.Config)+notes, "hunter") {
				t.Error("a credential is printed")
			}
			checkAccepted(t, result.Config, strings.TrimSpace(string(archive.Comment)))
		})
	}
}

func printNotes(notes []Note) string {
	var b strings.Builder
	for _, n := range notes {
		fmt.Fprintf(&b, "%d: %s: %s\n", n.Line, n.Kind, n.Text)
	}
	return b.String()
}

// checkAccepted checks that the agent accepts a configuration on a system.
func checkAccepted(t *testing.T, text []byte, goos string) {
	t.Helper()
	if goos == "" {
		goos = "linux"
	}
	_, err := config.Parse(t.Context(), "result", text, config.Env{
		Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), GOOS: goos,
		Getenv: func(string) (string, bool) { return "1", true },
	})
	if err != nil {
		t.Errorf("the agent does not accept the result: %v", err)
	}
}

// TestEveryRuleIsAccepted translates each input of Telegraf with all the keys of its rule that take a text, a number or a list, so that no rule
// names an input or a setting that does not exist.
func TestEveryRuleIsAccepted(t *testing.T) {
	known := pluginsall.Catalog()
	for name, rule := range telegrafInputs() {
		def, err := known.Find("input", rule.to, "linux")
		if err != nil && !strings.HasPrefix(rule.to, "windows_") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for key, r := range rule.keys {
			setting, _, _ := strings.Cut(r.to, ".")
			if err == nil && setting != "" && setting != "timeout" && !strings.Contains(def.Settings()+def.Readme()+"ssl tls", setting) {
				t.Errorf("%s.%s: the input %s does not document the setting %s", name, key, rule.to, setting)
			}
		}
	}
	for name, c := range collectors() {
		for _, input := range c.inputs {
			if _, err := known.Find("input", input, "linux"); err != nil {
				t.Errorf("collector %s: %v", name, err)
			}
		}
	}
}

func TestMistakesHaveAPlace(t *testing.T) {
	for text, want := range map[string]string{
		"[agent]\n  interval = \n":                      "2:14: ",
		"[[inputs.cpu]]\n  percpu = true\n  percpu = 1": "3:",
		"[global]\nnothing":                             "2:1: ",
		"[global\n[plugins]\n":                          "1:1: ",
		"inputs:\n  - a\n b: [":                         "line 2",
		"hello":                                         "in no format",
		"\xff":                                          "UTF-8",
	} {
		if _, err := Translate([]byte(text), ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzTranslate(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range append(Formats(), "") {
			_, _ = Translate(data, format)
		}
	})
}
