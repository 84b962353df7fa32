// Package httpserve has what our HTTP servers share. Their settings are in package httpauth.
//
//   - credential.go: [Credential], the token or password. attempts.go: [Attempts], how often a client may be wrong.
//   - gzip.go: [Compress].
package httpserve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/secret"
)

const (
	// rereadAfter is the time after which a secret is looked up again, so that a changed one is used without a restart.
	rereadAfter = time.Minute

	resolveTimeout = 5 * time.Second
)

// Digest is a hash of a credential, so that comparing takes the same time for every length.
type Digest [sha256.Size]byte

// Equals reports whether two digests are equal, in constant time.
func (d Digest) Equals(other Digest) bool { return subtle.ConstantTimeCompare(d[:], other[:]) == 1 }

// TokenDigest returns the digest of a token.
func TokenDigest(token string) Digest { return sha256.Sum256([]byte("token\x00" + token)) }

// BasicDigest returns the digest of a name and a password.
func BasicDigest(username, password string) Digest {
	name := sha256.Sum256([]byte(username))
	return sha256.Sum256([]byte("basic\x00" + string(name[:]) + password))
}

// Credential is what clients must know: a token, or a name and a password.
type Credential struct {
	auth    *httpauth.Auth
	secrets secret.Resolver

	mu    sync.Mutex
	known Digest
	read  time.Time // zero: never
}

// NewCredential returns the credential of the settings, or nil if they let everybody in.
func NewCredential(a *httpauth.Auth, secrets secret.Resolver) *Credential {
	if a.Mode() == httpauth.ModeNone {
		return nil
	}
	return &Credential{auth: a, secrets: secrets}
}

// IsToken reports whether clients send a token, not a name and a password.
func (c *Credential) IsToken() bool { return c.auth.Mode() == httpauth.ModeToken }

// Scheme returns the scheme of the header Authorization.
func (c *Credential) Scheme() string {
	if c.IsToken() {
		return "Bearer"
	}
	return "Basic"
}

// Digest returns the digest of the right credential. If it cannot be looked up again, the one before stays valid.
func (c *Credential) Digest(ctx context.Context) (Digest, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.read.IsZero() && time.Since(c.read) < rereadAfter {
		return c.known, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTimeout) // others wait for the result as well
	defer cancel()
	d, err := c.resolve(ctx)
	if err != nil && c.read.IsZero() {
		return d, err
	}
	if err == nil {
		c.known = d
	}
	c.read = time.Now()
	return c.known, nil
}

func (c *Credential) resolve(ctx context.Context) (Digest, error) {
	s := c.auth
	if c.IsToken() {
		token, err := s.Token.Resolve(ctx, c.secrets)
		return TokenDigest(token), rejectEmpty(token, err)
	}
	username, err := s.Username.Resolve(ctx, c.secrets)
	if err != nil {
		return Digest{}, err
	}
	password, err := s.Password.Resolve(ctx, c.secrets)
	return BasicDigest(username, password), rejectEmpty(password, err)
}

var errEmpty = errors.New("the credential of the server is empty")

func rejectEmpty(secret string, err error) error {
	if err == nil && secret == "" {
		return errEmpty
	}
	return err
}

// Presented returns the digest of the credential in the header Authorization.
func (c *Credential) Presented(r *http.Request) Digest {
	if !c.IsToken() {
		username, password, _ := r.BasicAuth()
		return BasicDigest(username, password)
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	return TokenDigest(strings.TrimSpace(token))
}
