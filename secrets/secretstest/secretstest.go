// Package secretstest is what every secret store must pass, wherever it looks.
package secretstest

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/secrets"
)

// Case is a store, and a configuration with which it has a secret and lacks another.
type Case struct {
	Definition secrets.Definition
	Config     string // YAML of its keys; "" are the defaults
	ID, Value  string // a secret that is there
	Missing    string // the id of one that is not
}

// Run checks the store: its documentation covers its configuration, its sample decodes, what it does not know it
// refuses, and alive it keeps to the contract.
func Run(t *testing.T, c Case) {
	t.Helper()
	t.Run("documented", func(t *testing.T) { documented(t, c.Definition) })
	t.Run("sample", func(t *testing.T) { sampleDecodes(t, c.Definition) })
	t.Run("unknown key", func(t *testing.T) { refusesUnknown(t, c.Definition) })
	t.Run("answers", func(t *testing.T) { answers(t, c) })
	t.Run("keeps", func(t *testing.T) { keeps(t, c) })
}

// documented: every key stands in the README as `key`, and there is a summary.
func documented(t *testing.T, d secrets.Definition) {
	if d.Name() == "" || d.Summary() == "" || d.Sample() == "" {
		t.Error("name, summary or the README's yaml block is missing")
	}
	for _, key := range conf.Keys(d.Defaults()) {
		if !strings.Contains(d.Readme(), "`"+key+"`") {
			t.Errorf("the README does not name `%s`", key)
		}
	}
}

// sampleDecodes: the README's first yaml block stands in a configuration, and is about this store.
func sampleDecodes(t *testing.T, d secrets.Definition) {
	var top map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(d.Sample()), &top); err != nil {
		t.Fatal(err)
	}
	node := top["secret_store"]
	var ps conf.Problems
	if b := d.Decode(&ps, &node, "secret_store"); len(ps) > 0 || b.Options.Type != d.Name() {
		t.Errorf("the sample is of type %q and has problems: %v", b.Options.Type, ps)
	}
}

func decode(t *testing.T, d secrets.Definition, text string) (secrets.Built, conf.Problems) {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	var node *yaml.Node
	if len(n.Content) > 0 {
		node = n.Content[0]
	}
	var ps conf.Problems
	return d.Decode(&ps, node, d.Name()), ps
}

func refusesUnknown(t *testing.T, d secrets.Definition) {
	if _, ps := decode(t, d, "no_such_key: 1"); ps.Err() == nil {
		t.Error("accepts a key that does not exist")
	}
	if _, ps := decode(t, d, ""); ps.Err() != nil {
		t.Errorf("defaults are not valid: %v", ps)
	}
}

// Open makes the live store of a case.
func Open(t *testing.T, c Case) secrets.Store {
	t.Helper()
	b, ps := decode(t, c.Definition, c.Config)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	store, err := b.New(secrets.StoreEnv{Name: "conformance", Getenv: os.LookupEnv, Secrets: secrets.Env{}})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// answers: what is there is found, also after an error; what is not there is said to be so, by name and without
// the value of anything.
func answers(t *testing.T, c Case) {
	ignore := goleak.IgnoreCurrent()
	store := Open(t, c)
	for range 2 {
		if v, err := store.Secret(t.Context(), c.Missing); v != "" || !secrets.IsNotFound(err) {
			t.Errorf("what is not there: %q, %v", v, err)
		} else if name := c.Missing[strings.LastIndex(c.Missing, "/")+1:]; !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(name)) ||
			strings.Contains(err.Error(), c.Value) {
			t.Errorf("the error does not say what is missing, or says too much: %v", err)
		}
		if v, err := store.Secret(t.Context(), c.ID); v != c.Value || err != nil {
			t.Errorf("%q, %v", v, err)
		}
	}
	goleak.VerifyNone(t, ignore)
}

// keeps: a keeper ends with its context, and leaves nothing behind.
func keeps(t *testing.T, c Case) {
	keeper, ok := Open(t, c).(secrets.Keeper)
	if !ok {
		return
	}
	ignore := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		keeper.Keep(ctx, slog.New(slog.DiscardHandler))
	}()
	if v, err := keeper.(secrets.Store).Secret(ctx, c.ID); v != c.Value || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	cancel()
	<-done
	goleak.VerifyNone(t, ignore)
}
