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
	if err := accept(t, text, goos); err != nil {
		t.Errorf("the agent does not accept the result: %v", err)
	}
}

func accept(t *testing.T, text []byte, goos string) error {
	t.Helper()
	_, err := config.Parse(t.Context(), "result", text, config.Env{
		Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), GOOS: goos,
		Getenv: func(string) (string, bool) { return "1", true },
	})
	return err
}

// TestEveryRuleIsAccepted translates each input of Telegraf with each key of its rule, so that no rule names an input or a setting that does not exist:
// the agent accepts one of several values of different types.
func TestEveryRuleIsAccepted(t *testing.T) {
	values := []string{`"10s"`, "true", "1", `["a"]`, `"a"`, `"http://a/"`, `["http://a/"]`, `{a = "b"}`, `"json"`, `"tcp://:6514"`, `"auto"`, `["running"]`, `"RFC5424"`, `"octet-counting"`,
		`"LF"`, `"gzip"`, `"0660"`, `"unix:///run/docker.sock"`, `"GET"`, `["A=b"]`, `"1MiB"`, `"1.2"`}
	for name, rule := range telegrafInputs() {
		goos := "linux"
		if strings.HasPrefix(rule.to, "windows_") {
			goos = "windows"
		}
		for key, r := range with(commonKeys(), rule.keys) {
			if r.to == "" {
				continue
			}
			var err error
			for _, value := range values {
				var result Result
				text := fmt.Sprintf("[[inputs.%s]]\n%s = %s\n", name, key, value)
				if key == "tls_allowed_cacerts" || key == "tls_key" || key == "tls_cert" {
					text += others("tls_cert", "tls_key", key)
				}
				if _, hasPassword := rule.keys["password"]; key == "username" && hasPassword {
					text += "password = \"p\"\n"
				}
				if result, err = Translate([]byte(text), Telegraf); err != nil {
					t.Fatal(err)
				}
				if err = accept(t, result.Config, goos); err == nil {
					break
				}
			}
			if err != nil {
				t.Errorf("%s.%s: %v", name, key, err)
			}
		}
	}
	for name, c := range collectors() {
		for _, input := range c.inputs {
			if _, err := pluginsall.Catalog().Find("input", input, "linux"); err != nil {
				t.Errorf("collector %s: %v", name, err)
			}
		}
	}
}

// others returns lines with the keys that must stand together, but for one.
func others(first, second, but string) (lines string) {
	for _, key := range []string{first, second} {
		if key != but {
			lines += key + " = \"/a.pem\"\n"
		}
	}
	return lines
}

// TestOtherFilesAreNotRecognised: a file of another program must not become a configuration.
func TestOtherFilesAreNotRecognised(t *testing.T) {
	for _, text := range []string{
		"[global]\n  workgroup = HOME\n[printers]\n  browseable = no\n",
		"scrape_configs:\n  - job_name: node_exporter\n    static_configs: []\n",
		"[Unit]\nDescription=something\n[Service]\nExecStart=/usr/bin/thing --web.port=1\n",
	} {
		if _, err := Translate([]byte(text), ""); err == nil {
			t.Errorf("%q is translated", text)
		}
	}
}

func TestMarksAtTheBeginning(t *testing.T) {
	for _, text := range []string{"\ufeff[[inputs.cpu]]\r\n", "\ufeff[plugins]\r\napps = no\r\n", "\ufeffinputs: [cpu]\r\noutputs: [stdout]\r\n"} {
		result, err := Translate([]byte(text), "")
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		checkAccepted(t, result.Config, "linux")
	}
	if _, err := Translate([]byte("\xff\xfei\x00"), ""); err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("UTF-16: %v", err)
	}
}

func TestMistakesHaveAPlace(t *testing.T) {
	for text, want := range map[string]string{
		"[agent]\n  interval = \n":                      "2:14: ",
		"[[inputs.cpu]]\n  percpu = true\n  percpu = 1": "3:",
		"[plugins]\nnothing":                            "2:1: ",
		"[plugin\n[plugins]\n":                          "1:1: ",
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
