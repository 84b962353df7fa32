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

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
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
	t.Run("config", func(t *testing.T) { catalogtest.CheckConfig(t, c.Definition) })
	t.Run("sample", func(t *testing.T) { sampleDecodes(t, c.Definition) })
	t.Run("answers", func(t *testing.T) { answers(t, c) })
	t.Run("keeps", func(t *testing.T) { keeps(t, c) })
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

// Open makes the live store of a case.
func Open(t *testing.T, c Case) secrets.Store {
	t.Helper()
	return catalogtest.Build(t, c.Definition, c.Config, secrets.StoreEnv{Name: "conformance", Getenv: os.LookupEnv, Secrets: secret.Env{}})
}

// answers: what is there is found, also after an error; what is not there is said to be so, by name and without
// the value of anything.
func answers(t *testing.T, c Case) {
	ignore := goleak.IgnoreCurrent()
	store := Open(t, c)
	for range 2 {
		if v, err := store.Secret(t.Context(), c.Missing); v != "" || !secret.IsNotFound(err) {
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
