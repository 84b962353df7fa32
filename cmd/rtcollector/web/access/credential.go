package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// rereadAfter is the time after which a secret is looked up again, so that a changed one is used without a restart.
	rereadAfter = time.Minute

	resolveTimeout = 5 * time.Second
)

// digest is a hash of a credential, so that comparing takes the same time for every length.
type digest [sha256.Size]byte

func (d digest) equals(other digest) bool { return subtle.ConstantTimeCompare(d[:], other[:]) == 1 }

func tokenDigest(token string) digest { return sha256.Sum256([]byte("token\x00" + token)) }

func basicDigest(username, password string) digest {
	name := sha256.Sum256([]byte(username))
	return sha256.Sum256([]byte("basic\x00" + string(name[:]) + password))
}

// credential is what clients must know.
type credential struct {
	settings Settings

	mu    sync.Mutex
	known digest
	read  time.Time // zero: never
}

func (c *credential) isToken() bool { return !c.settings.Token.IsZero() }

func (c *credential) scheme() string {
	if c.isToken() {
		return "Bearer"
	}
	return "Basic"
}

// digest returns the digest of the right credential. If it cannot be looked up again, the one before stays valid.
func (c *credential) digest(ctx context.Context) (digest, error) {
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

func (c *credential) resolve(ctx context.Context) (digest, error) {
	s := &c.settings
	if c.isToken() {
		token, err := s.Token.Resolve(ctx, s.Secrets)
		return tokenDigest(token), rejectEmpty(token, err)
	}
	username, err := s.Username.Resolve(ctx, s.Secrets)
	if err != nil {
		return digest{}, err
	}
	password, err := s.Password.Resolve(ctx, s.Secrets)
	return basicDigest(username, password), rejectEmpty(password, err)
}

var errEmpty = errors.New("the credential of the web server is empty")

func rejectEmpty(secret string, err error) error {
	if err == nil && secret == "" {
		return errEmpty
	}
	return err
}

// presented returns the digest of the credential in the header Authorization.
func (c *credential) presented(r *http.Request) digest {
	if !c.isToken() {
		username, password, _ := r.BasicAuth()
		return basicDigest(username, password)
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	return tokenDigest(strings.TrimSpace(token))
}
