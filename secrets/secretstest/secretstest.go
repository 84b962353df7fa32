// Package secretstest is the test that every secret store must pass.
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

// Case is a store and a configuration with which it has one secret and lacks another.
type Case struct {
	Definition secrets.Definition
	Config     string // its settings in YAML; "": the defaults
	ID, Value  string // a secret that exists
	Missing    string // the id of a secret that does not exist
}

// Run checks that the documentation of the store covers its settings, that its sample decodes, that it rejects unknown settings, and that
// the running store fulfils the contract.
func Run(t *testing.T, c Case) {
	t.Helper()
	t.Run("config", func(t *testing.T) { catalogtest.CheckConfig(t, c.Definition) })
	t.Run("sample", func(t *testing.T) { checkSample(t, c.Definition) })
	t.Run("answers", func(t *testing.T) { checkAnswers(t, c) })
	t.Run("keeps", func(t *testing.T) { checkKeep(t, c) })
}

// checkSample checks that the first yaml block of the README is a valid configuration of this store.
func checkSample(t *testing.T, d secrets.Definition) {
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

// Open builds the store of a case.
func Open(t *testing.T, c Case) secrets.Store {
	t.Helper()
	return catalogtest.Build(t, c.Definition, c.Config, secrets.StoreEnv{Name: "conformance", Getenv: os.LookupEnv, Secrets: secret.Env{}})
}

// checkAnswers checks that an existing secret is found, also after an error, and that the error for a missing one names it and shows no
// value.
func checkAnswers(t *testing.T, c Case) {
	ignore := goleak.IgnoreCurrent()
	store := Open(t, c)
	for range 2 {
		if v, err := store.Secret(t.Context(), c.Missing); v != "" || !secret.IsNotFound(err) {
			t.Errorf("a missing secret: %q, %v", v, err)
		} else if name := c.Missing[strings.LastIndex(c.Missing, "/")+1:]; !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(name)) ||
			strings.Contains(err.Error(), c.Value) {
			t.Errorf("the error does not name the missing secret, or shows a value: %v", err)
		}
		if v, err := store.Secret(t.Context(), c.ID); v != c.Value || err != nil {
			t.Errorf("%q, %v", v, err)
		}
	}
	goleak.VerifyNone(t, ignore)
}

// checkKeep checks that Keep returns when its context ends, and leaves no goroutines behind.
func checkKeep(t *testing.T, c Case) {
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
