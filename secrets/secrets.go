// Package secrets keeps credentials out of sight: a [Ref] is a configured value that may be a reference to a store,
// is resolved only when it is needed, and never prints itself.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// Prefix marks a configured value as a reference: "secret:redis/password".
const Prefix = conf.SecretPrefix

// Ref is a credential in a configuration: a literal, or a reference "secret:<id>". It prints as [redacted].
type Ref struct{ text string }

// Literal returns a Ref for a value that is known already.
func Literal(text string) Ref { return Ref{text} }

// UnmarshalScalar implements conf.Scalar.
func (r *Ref) UnmarshalScalar(text string) error {
	r.text = text
	if r.text == Prefix {
		return errors.New(`a secret reference needs a name: "secret:redis/password"`)
	}
	return nil
}

// TakesSecret implements conf.SecretTaker: a reference is kept, and resolved when it is needed.
func (r *Ref) TakesSecret() {}

// IsZero says whether nothing was configured.
func (r Ref) IsZero() bool { return r.text == "" }

// String implements fmt.Stringer without giving the value away.
func (r Ref) String() string {
	if r.IsZero() {
		return ""
	}
	return "[redacted]"
}

// GoString implements fmt.GoStringer, for %#v.
func (r Ref) GoString() string { return r.String() }

// Format implements fmt.Formatter.
func (r Ref) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }

// LogValue implements slog.LogValuer.
func (r Ref) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Resolve returns the credential. A reference that no store answers is an error, never a literal "secret:…".
func (r Ref) Resolve(ctx context.Context, with Resolver) (string, error) {
	id, isRef := strings.CutPrefix(r.text, Prefix)
	if !isRef {
		return r.text, nil
	}
	if with == nil {
		with = Env{}
	}
	v, err := with.Secret(ctx, id)
	if err != nil {
		return "", &ResolveError{id, err}
	}
	if strings.HasPrefix(v, Prefix) {
		return "", &ResolveError{id, errReference}
	}
	return v, nil
}

// ResolveError is the error of a reference that could not be resolved. Whoever connects somewhere must not take what
// stopped the store, a refused connection perhaps, for a fault of the server that it wanted to reach.
type ResolveError struct {
	ID  string
	Err error
}

func (e *ResolveError) Error() string { return fmt.Sprintf("resolve secret %q: %v", e.ID, e.Err) }
func (e *ResolveError) Unwrap() error { return e.Err }

// errReference: following references from store to store could go in circles.
var errReference = errors.New("what the store holds is a reference itself; it must hold the value")

// Resolver looks secrets up by id. Errors must not contain the secret.
type Resolver interface {
	Secret(ctx context.Context, id string) (string, error)
}

// Env resolves secrets from environment variables: the id in capitals, "/" and "-" as "_", behind Prefix
// ("SECRET_" when empty). It is the store that is used when none is configured.
type Env struct{ Prefix string }

// Local implements [Local].
func (Env) Local() {}

// Secret implements [Resolver].
func (e Env) Secret(_ context.Context, id string) (string, error) {
	prefix := e.Prefix
	if prefix == "" {
		prefix = "SECRET_"
	}
	name := prefix + strings.ToUpper(strings.NewReplacer("/", "_", "-", "_").Replace(id))
	v, ok := os.LookupEnv(name)
	if !ok {
		return "", NotFound(fmt.Errorf("environment variable %s is not set", name))
	}
	return v, nil
}
