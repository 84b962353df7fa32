package secret

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	t.Setenv("SECRET_REDIS_MAIN_PASSWORD", "hunter2")
	t.Setenv("VAULT_X", "v")
	f := func(text string, with Resolver, want, wantErr string) {
		t.Helper()
		got, err := Literal(text).Resolve(t.Context(), with)
		if got != want || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%q: %q, %v; want %q, %q", text, got, err, want, wantErr)
		}
	}
	f("plain", nil, "plain", "")
	f("secret:redis/main-password", nil, "hunter2", "")
	f("secret:x", Env{Prefix: "VAULT_"}, "v", "")
	f("secret:nope", Env{}, "", "environment variable SECRET_NOPE is not set")
}

func TestReferenceIsNeverPrinted(t *testing.T) {
	r := Literal("hunter2")
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "ref", r, "in", struct{ R Ref }{r})
	fmt.Fprintf(&b, "%v %+v %#v %s %q %x %d", r, r, r, r, r, r, struct{ R Ref }{r})
	if strings.Contains(b.String(), "hunter2") || strings.Contains(b.String(), fmt.Sprintf("%x", "hunter2")) {
		t.Error(b.String())
	}
}

func TestEmptyReference(t *testing.T) {
	var r Ref
	if err := r.UnmarshalScalar("secret:"); err == nil {
		t.Error("no error")
	}
	if v, err := (Ref{}).Resolve(context.Background(), nil); v != "" || err != nil || !(Ref{}).IsZero() {
		t.Error(v, err)
	}
}

func TestErrorClasses(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		err                   error
		notFound, unavailable bool
	}{{NotFound(cause), true, false}, {Unavailable(cause), false, true}, {cause, false, false}} {
		wrapped := fmt.Errorf("resolve: %w", c.err)
		if !errors.Is(wrapped, cause) || wrapped.Error() != "resolve: cause" {
			t.Error(wrapped)
		}
		if IsNotFound(wrapped) != c.notFound || IsUnavailable(wrapped) != c.unavailable {
			t.Errorf("class of %#v", c.err)
		}
	}
}

func TestNestedReference(t *testing.T) {
	t.Setenv("SECRET_A", "secret:b")
	if v, err := Literal("secret:a").Resolve(t.Context(), nil); v != "" || !errors.Is(err, errNestedReference) {
		t.Errorf("%q, %v", v, err)
	}
}

// A credential that is rotated every minute must not fill the memory.
func TestRedactorIsBounded(t *testing.T) {
	var h Redactor
	for i := range 2 * maxValues {
		h.Add(fmt.Sprintf("password-%05d", i))
	}
	if len(h.values) != maxValues || h.Redact(fmt.Sprintf("password-%05d", 2*maxValues-1)) != redacted {
		t.Errorf("%d values", len(h.values))
	}
}
