package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/bom"
)

// session is a token and what is known of its life.
type session struct {
	token     string
	known     bool      // the rest is
	ends      time.Time // zero: never
	renewAt   time.Time
	renewable bool
}

// lasts fills in what Vault says about a token's life, in seconds from now.
func (n session) lasts(seconds int, renewable bool) session {
	n.known, n.renewable = true, renewable && seconds > 0
	if seconds > 0 {
		ttl := time.Duration(seconds) * time.Second
		n.ends, n.renewAt = time.Now().Add(ttl), time.Now().Add(ttl*2/3)
	}
	return n
}

func (s *Store) current() session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session
}

// replace puts a session in the place of the one with the token old, and wakes the keeper.
func (s *Store) replace(old string, n session) {
	s.mu.Lock()
	if s.session.token == old {
		s.session = n
	}
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// get reads a path with the token. Vault says 403 for a token that has ended as well as for a path that the token's
// policies do not grant, and only a question about the token itself tells them apart: "lookup-self" is granted to every
// token, by the policy "default".
func (s *Store) get(ctx context.Context, path string) (reply, error) {
	token, err := s.authorised(ctx, "")
	if err != nil {
		return reply{}, err
	}
	r, err := s.exchange(ctx, http.MethodGet, path, token, nil)
	if err != nil || r.status != http.StatusForbidden {
		return r, err
	}
	self, err := s.exchange(ctx, http.MethodGet, "auth/token/lookup-self", token, nil)
	if err != nil || self.status == http.StatusOK {
		return r, err
	}
	if token, err = s.authorised(ctx, token); err != nil {
		return reply{}, err
	}
	return s.exchange(ctx, http.MethodGet, path, token, nil)
}

// authorised returns a token, after a login if there is none, it has ended, or it is the one that was refused.
func (s *Store) authorised(ctx context.Context, refused string) (string, error) {
	select {
	case s.logins <- struct{}{}:
		defer func() { <-s.logins }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	now := s.current()
	if now.token != "" && now.token != refused && (now.ends.IsZero() || time.Now().Before(now.ends)) {
		return now.token, nil
	}
	fresh, err := s.logIn(ctx)
	if err != nil {
		return "", err
	}
	if s.env.Hide != nil {
		s.env.Hide(fresh.token)
	}
	if fresh.token == refused {
		return "", fmt.Errorf("vault %s refuses the token%s: it has expired, was revoked, or belongs to another namespace: give it a new one", s.address, s.inNamespace())
	}
	s.replace(now.token, fresh)
	return fresh.token, nil
}

// logIn gets a token, each time anew: files and other stores may have a new one.
func (s *Store) logIn(ctx context.Context) (session, error) {
	switch a := s.config.Auth; a.Method {
	case AppRole:
		body, err := s.appRole(ctx)
		if err != nil {
			return session{}, err
		}
		return s.logInWith(ctx, body, "role_id and secret_id")
	case Kubernetes:
		jwt, err := readToken(a.JWTFile)
		if err != nil {
			return session{}, fmt.Errorf("read auth.jwt_file: %w", err)
		}
		return s.logInWith(ctx, map[string]string{"role": a.Role, "jwt": jwt}, "role, and the service accounts and namespaces bound to it")
	}
	token, err := s.token(ctx)
	return session{token: token}, err
}

func (s *Store) token(ctx context.Context) (string, error) {
	if s.config.TokenFile != "" {
		token, err := readToken(s.config.TokenFile)
		if err != nil {
			return "", fmt.Errorf("read token_file: %w", err)
		}
		return token, nil
	}
	token, err := s.config.Token.Resolve(ctx, s.env.Secrets)
	if err != nil {
		return "", err
	}
	if token == "" {
		token, _ = s.getenv(envToken)
	}
	token = strings.TrimSpace(token)
	if token == "" {
		return "", fmt.Errorf("vault %s: %w", s.address, errNoToken)
	}
	return token, checkToken(token)
}

// readToken reads a file with a credential and nothing else.
func readToken(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text, err := bom.Strip(data)
	if err != nil {
		return "", fmt.Errorf("%s %w", file, err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return token, checkToken(token)
}

var errToken = errors.New("the token has characters that cannot stand in a request: is it the right text or file?")

// checkToken finds what cannot be sent as an HTTP header.
func checkToken(token string) error {
	if strings.ContainsFunc(token, func(r rune) bool { return r < '!' || r > '~' }) {
		return errToken
	}
	return nil
}

// appRole returns what is sent: a role may do without a secret ID (bind_secret_id=false).
func (s *Store) appRole(ctx context.Context) (map[string]string, error) {
	roleID, err := s.config.Auth.RoleID.Resolve(ctx, s.env.Secrets)
	if err != nil {
		return nil, err
	}
	body := map[string]string{"role_id": roleID}
	secretID, err := s.config.Auth.SecretID.Resolve(ctx, s.env.Secrets)
	if file := s.config.Auth.SecretIDFile; file != "" && err == nil {
		if secretID, err = readToken(file); err != nil {
			err = fmt.Errorf("read auth.secret_id_file: %w", err)
		}
	}
	if secretID != "" {
		body["secret_id"] = secretID
	}
	return body, err
}

// logInWith sends credentials to the auth method. What to look at, when they are refused, is what was sent.
func (s *Store) logInWith(ctx context.Context, body map[string]string, lookAt string) (session, error) {
	mount := strings.Trim(s.config.Auth.Mount, "/")
	if mount == "" {
		mount = string(s.config.Auth.Method)
	}
	path := "auth/" + mount + "/login"
	r, err := s.exchange(ctx, http.MethodPut, path, "", body)
	switch {
	case err != nil:
		return session{}, err
	case r.status == http.StatusOK && r.Auth != nil && r.Auth.ClientToken != "":
		return session{token: r.Auth.ClientToken}.lasts(r.Auth.LeaseDuration, r.Auth.Renewable), nil
	case (r.status == http.StatusBadRequest || r.status == http.StatusForbidden) && !r.alien:
		return session{}, fmt.Errorf("vault %s refuses the login at %s%s: check %s: %s", s.address, path, s.inNamespace(), lookAt, s.words(r, body))
	case r.status == http.StatusNotFound && !r.alien:
		return session{}, fmt.Errorf("vault %s has no auth method at %s%s: enable it, or correct auth.mount or namespace: %s",
			s.address, strings.TrimSuffix(path, "/login"), s.inNamespace(), s.words(r, body))
	}
	return session{}, s.refused(r)
}

// seconds reads a number of a reply.
func seconds(v any) int {
	n, _ := v.(json.Number)
	i, _ := n.Int64()
	return int(i)
}
