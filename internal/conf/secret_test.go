package conf

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// refTaker keeps a reference unresolved, like secret.Ref.
type refTaker struct{ text string }

func (t *refTaker) UnmarshalScalar(text string) error { t.text = text; return nil }
func (*refTaker) TakesSecret()                        {}

type secretSettings struct {
	Password refTaker            `yaml:"password"`
	Headers  map[string]refTaker `yaml:"headers"`
	Host     string              `yaml:"host"`
	Port     int                 `yaml:"port"`
	Every    Duration            `yaml:"every"`
	Env      map[string]string   `yaml:"env"`
	Hosts    []*string           `yaml:"hosts"`
	Raw      yaml.Node           `yaml:"raw"`
	Label    refTaker            `yaml:"label" conf:"public"`
	rules    func(*secretSettings) error
}

func (w *secretSettings) Validate() error {
	if w.rules == nil {
		return nil
	}
	return w.rules(w)
}

func decodeSecrets(t *testing.T, text string, store map[string]string, rules func(*secretSettings) error) (secretSettings, string) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	w := secretSettings{rules: rules}
	var ps Problems
	Decode(&ps, doc.Content[0], "", &w)
	if refs := ps.References(); len(refs) > 0 && store != nil {
		for _, n := range refs {
			SetSecret(n, store[n.Value])
		}
		w, ps = secretSettings{rules: rules}, nil
		Decode(&ps, doc.Content[0], "", &w)
	}
	if err := ps.Err(); err != nil {
		return w, err.Error()
	}
	return w, ""
}

// Without a resolver, references are refused, except in fields that keep them.
func TestReferenceInOtherFieldIsRefused(t *testing.T) {
	w, got := decodeSecrets(t, `{password: "secret:a", headers: {x: "secret:b"}, raw: "secret:c", env: {A: "secret:d"}, hosts: ["secret:e"], port: "secret:f"}`, nil, nil)
	want := `:1:76: env.A: a reference to a secret cannot be used here
:1:97: hosts[0]: a reference to a secret cannot be used here
:1:116: port: a reference to a secret cannot be used here`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if w.Password.text != "secret:a" || w.Headers["x"].text != "secret:b" || w.Raw.Value != "secret:c" || w.Env["A"] != "" || len(w.Hosts) != 1 {
		t.Errorf("%+v", w)
	}
	if _, got := decodeSecrets(t, `{label: "secret:a", env: {"secret:b": x}}`, map[string]string{}, nil); strings.Count(got, "\n") != 1 {
		t.Error(got)
	}
}

// Validate runs after references are resolved, because it checks values. Before, it would report errors that do not exist.
func TestRulesRunAfterResolution(t *testing.T) {
	asked := 0
	rules := func(w *secretSettings) error {
		asked++
		if w.Host == "" {
			return Key("port", "needs a host")
		}
		return nil
	}
	if _, got := decodeSecrets(t, `{host: "secret:a", port: 1}`, map[string]string{"secret:a": "h"}, rules); got != "" || asked != 1 {
		t.Errorf("%s; resolved %d times", got, asked)
	}
}

// An error of Validate may repeat a resolved value, as text or formatted, of its own key or of another one.
func TestMessagesHideSecretValues(t *testing.T) {
	store := map[string]string{"secret:number": "0x10bad", "secret:every": "5400", "secret:host": "hunter2"}
	rules := func(w *secretSettings) error {
		return errors.Join(Key("port", "must not be %d beside %s", w.Port, w.Host), fmt.Errorf("%v is too long for %q", w.Every, w.Host))
	}
	_, got := decodeSecrets(t, `{port: "secret:number", every: "secret:every", host: "secret:host"}`, store, rules)
	want := `:1:2: port: must not be [redacted] beside [redacted]
:1:1: [redacted] is too long for "[redacted]"`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	_, got = decodeSecrets(t, `{port: "secret:host", every: "secret:host"}`, store, nil)
	if strings.Contains(got, "hunter2") || strings.Count(got, "\n") != 1 {
		t.Error(got)
	}
}
