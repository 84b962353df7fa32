// Package secret holds the two types that keep credentials out of output. A [Ref] is a configured credential: a literal
// or a reference to a secret store. It is resolved only when a connection needs it and never prints its value. A
// [Redactor] removes credentials from text that is printed anyway.
//
// The stores that resolve references are in the package secrets and its folders.
package secret

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

// Literal returns a Ref that resolves to text, unless text is a reference.
func Literal(text string) Ref { return Ref{text} }

// UnmarshalScalar implements conf.Scalar.
func (r *Ref) UnmarshalScalar(text string) error {
	r.text = text
	if r.text == Prefix {
		return errors.New(`a secret reference needs a name: "secret:redis/password"`)
	}
	return nil
}

// TakesSecret implements conf.SecretTaker: the decoder keeps the reference instead of resolving it at load.
func (r *Ref) TakesSecret() {}

// IsZero reports whether nothing was configured.
func (r Ref) IsZero() bool { return r.text == "" }

// String implements fmt.Stringer. It returns "[redacted]", or "" when nothing was configured.
func (r Ref) String() string {
	if r.IsZero() {
		return ""
	}
	return redacted
}

// GoString implements fmt.GoStringer, for %#v.
func (r Ref) GoString() string { return r.String() }

// Format implements fmt.Formatter.
func (r Ref) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }

// LogValue implements slog.LogValuer.
func (r Ref) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Resolve returns the credential, asking resolver when the Ref is a reference. A nil resolver stands for [Env]. A
// reference that cannot be resolved is a [ResolveError], never the literal text "secret:…".
func (r Ref) Resolve(ctx context.Context, resolver Resolver) (string, error) {
	id, isRef := strings.CutPrefix(r.text, Prefix)
	if !isRef {
		return r.text, nil
	}
	if resolver == nil {
		resolver = Env{}
	}
	v, err := resolver.Secret(ctx, id)
	if err != nil {
		return "", &ResolveError{id, err}
	}
	if strings.HasPrefix(v, Prefix) {
		return "", &ResolveError{id, errNestedReference}
	}
	return v, nil
}

// ResolveError is the error of a reference that could not be resolved. Clients use it to tell a failure of the secret
// store, such as a refused connection, from a failure of the server that they connect to.
type ResolveError struct {
	ID  string
	Err error
}

func (e *ResolveError) Error() string { return fmt.Sprintf("resolve secret %q: %v", e.ID, e.Err) }
func (e *ResolveError) Unwrap() error { return e.Err }

// errNestedReference rejects a stored value that is itself a reference: following it could loop.
var errNestedReference = errors.New("what the store holds is a reference itself; it must hold the value")

// Resolver looks secrets up by id. Errors must not contain the secret.
type Resolver interface {
	Secret(ctx context.Context, id string) (string, error)
}

// Env resolves secrets from environment variables. The name is Prefix ("SECRET_" when empty) followed by the id in
// capitals, with "/" and "-" replaced by "_". It is the store that is used when none is configured.
type Env struct {
	Prefix string
	Getenv func(string) (string, bool) // nil: os.LookupEnv
}

// Local marks Env as a store that needs no network: the settings of other stores may refer to it.
func (Env) Local() {}

// Secret implements [Resolver].
func (e Env) Secret(_ context.Context, id string) (string, error) {
	prefix := e.Prefix
	if prefix == "" {
		prefix = "SECRET_"
	}
	name := prefix + strings.ToUpper(strings.NewReplacer("/", "_", "-", "_").Replace(id))
	getenv := e.Getenv
	if getenv == nil {
		getenv = os.LookupEnv
	}
	v, ok := getenv(name)
	if !ok {
		return "", NotFound(fmt.Errorf("environment variable %s is not set", name))
	}
	return v, nil
}

// notFoundError and unavailableError mark errors for [IsNotFound] and [IsUnavailable].
type (
	notFoundError    struct{ error }
	unavailableError struct{ error }
)

func (e notFoundError) Unwrap() error    { return e.error }
func (e unavailableError) Unwrap() error { return e.error }

// NotFound marks err as the answer of a resolver that has no such secret.
func NotFound(err error) error { return notFoundError{err} }

// IsNotFound reports whether err was marked by [NotFound].
func IsNotFound(err error) bool { return errors.As(err, new(notFoundError)) }

// Unavailable marks err as the error of a resolver that could not be reached. A later attempt can succeed.
func Unavailable(err error) error { return unavailableError{err} }

// IsUnavailable reports whether err was marked by [Unavailable].
func IsUnavailable(err error) bool { return errors.As(err, new(unavailableError)) }
