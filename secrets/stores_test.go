package secrets

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rtcollector/rtcollector/internal/secret"
)

// fake is a store with its secrets in a map. It reports when it is kept.
type fake struct {
	values map[string]string
	keeps  chan string
	name   string
}

func (f fake) Secret(_ context.Context, id string) (string, error) {
	if v, ok := f.values[id]; ok {
		return v, nil
	}
	return "", secret.NotFound(fmt.Errorf("%s has no %s", f.name, id))
}

func (f fake) Keep(ctx context.Context, _ *slog.Logger) {
	f.keeps <- f.name
	<-ctx.Done()
	f.keeps <- f.name
}

func TestRouting(t *testing.T) {
	s := NewStores(fake{name: "main", values: map[string]string{"a": "main a", "prod": "main prod", "x/a": "main x/a"}},
		map[string]Store{"prod": fake{name: "prod", values: map[string]string{"a": "prod a", "a/b": "prod a/b"}}}, nil)
	for id, want := range map[string]string{
		"a": "main a", "x/a": "main x/a", "prod/a": "prod a", "prod/a/b": "prod a/b",
		"prod/x": "prod has no x", "b": "main has no b", "Prod/a": `main has no Prod/a (and no store is called "Prod", only prod)`,
		"prod": errNoID.Error(), "prod/": errNoID.Error(), "/": errNoID.Error(), "": errNoID.Error(),
	} {
		got, err := s.Secret(t.Context(), id)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}

func TestKeepersEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keeps := make(chan string, 9)
		s := NewStores(fake{name: "main", keeps: keeps}, map[string]Store{"a": fake{name: "a", keeps: keeps}, "b": secret.Env{}}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Keep(ctx, slog.New(slog.DiscardHandler)); close(done) }()
		synctest.Wait()
		if len(keeps) != 2 {
			t.Errorf("%d stores are kept", len(keeps))
		}
		cancel()
		<-done
		if len(keeps) != 4 {
			t.Error("Keep returned before its stores")
		}
	})
}

func TestHidden(t *testing.T) {
	var none *secret.Redactor
	none.Add("hunter2")
	if none.Redact("hunter2") != "hunter2" {
		t.Error("nil hides something")
	}
	var h secret.Redactor
	if h.Redact("hunter2") != "hunter2" {
		t.Error("the zero value hides something")
	}
	s := NewStores(fake{values: map[string]string{"a": `hun"ter & 2`, "b": "hunter2", "c": "hunter2-longer", "d": "short"}}, nil, &h)
	for _, id := range []string{"a", "b", "c", "d"} {
		if _, err := s.Secret(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf("%s %q %s %s %s", `hun"ter & 2`, `hun"ter & 2`, url.QueryEscape(`hun"ter & 2`), url.PathEscape(`hun"ter & 2`),
		&url.URL{Scheme: "redis", User: url.UserPassword("u", `hun"ter & 2`), Host: "h"})
	if got, want := h.Redact(text), `[redacted] "[redacted]" [redacted] [redacted] redis://u:[redacted]@h`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got, want := h.Redact("hunter2-longer hunter2 hunter short"), "[redacted] [redacted] hunter short"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	var b bytes.Buffer
	w := h.Writer(&b)
	n, err := w.Write([]byte("is hunter2 there\n"))
	if n != len("is hunter2 there\n") || err != nil || b.String() != "is [redacted] there\n" {
		t.Errorf("%d, %v, %q", n, err, &b)
	}
}

func FuzzFind(f *testing.F) {
	s := NewStores(fake{name: "main"}, map[string]Store{"prod": fake{name: "prod"}}, nil)
	for _, id := range []string{"", "prod", "prod/", "prod/a", "prod//a", "a/prod/b", "/prod/a", "proda"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		store, rest := s.Find(id)
		if name := store.(fake).name; name == "main" && rest != id || name == "prod" && strings.TrimPrefix(strings.TrimPrefix(id, "prod"), "/") != rest {
			t.Errorf("%q: %q in %s", id, rest, name)
		}
	})
}

// A misspelt name of a store leads to the main store. The error mentions that no store has this name.
func TestMisspeltStore(t *testing.T) {
	s := NewStores(secret.Env{}, map[string]Store{"prod": secret.Env{}, "lab": secret.Env{}}, nil)
	_, err := s.Secret(t.Context(), "prd/redis")
	if err == nil || !secret.IsNotFound(err) || !strings.HasSuffix(err.Error(), `SECRET_PRD_REDIS is not set (and no store is called "prd", only lab, prod)`) {
		t.Errorf("error %v", err)
	}
}
