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

// session is a token and its lifetime.
type session struct {
	token       string
	hasLifetime bool      // the fields below are known
	expiresAt   time.Time // zero: never
	renewAt     time.Time
	renewable   bool
}

// withLifetime returns the session with the remaining lifetime of its token in seconds; 0 means for ever.
func (n session) withLifetime(seconds int, renewable bool) session {
	n.hasLifetime, n.renewable = true, renewable && seconds > 0
	if seconds > 0 {
		ttl := time.Duration(seconds) * time.Second
		n.expiresAt, n.renewAt = time.Now().Add(ttl), time.Now().Add(ttl*2/3)
	}
	return n
}

func (s *Store) currentSession() session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session
}

// replaceSession replaces the session with the token old and wakes Keep. It does nothing to a newer session.
func (s *Store) replaceSession(old string, n session) {
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

// readPath reads a path with the current token. Vault replies 403 for an expired token and also for a path that the policies of the token
// do not grant. A request about the token itself distinguishes the two: the policy "default" grants "lookup-self" to every token.
func (s *Store) readPath(ctx context.Context, path string) (reply, error) {
	token, err := s.validToken(ctx, "")
	if err != nil {
		return reply{}, err
	}
	r, err := s.sendRequest(ctx, http.MethodGet, path, token, nil)
	if err != nil || r.status != http.StatusForbidden {
		return r, err
	}
	self, err := s.sendRequest(ctx, http.MethodGet, "auth/token/lookup-self", token, nil)
	if err != nil || self.status == http.StatusOK {
		return r, err
	}
	if token, err = s.validToken(ctx, token); err != nil {
		return reply{}, err
	}
	return s.sendRequest(ctx, http.MethodGet, path, token, nil)
}

// validToken returns a token. It logs in if there is none, if it has expired, or if it is the refused one.
func (s *Store) validToken(ctx context.Context, refused string) (string, error) {
	select {
	case s.logins <- struct{}{}:
		defer func() { <-s.logins }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	current := s.currentSession()
	if current.token != "" && current.token != refused && (current.expiresAt.IsZero() || time.Now().Before(current.expiresAt)) {
		return current.token, nil
	}
	fresh, err := s.logIn(ctx)
	if err != nil {
		return "", err
	}
	if s.env.Hide != nil {
		s.env.Hide(fresh.token)
	}
	if fresh.token == refused {
		return "", fmt.Errorf("vault %s refuses the token%s: it has expired, was revoked, or belongs to another namespace: configure a new one", s.address, s.describeNamespace())
	}
	s.replaceSession(current.token, fresh)
	return fresh.token, nil
}

// logIn gets a new token. It reads files and other stores each time, because they may have a new one.
func (s *Store) logIn(ctx context.Context) (session, error) {
	switch a := s.config.Auth; a.Method {
	case AppRole:
		body, err := s.appRoleCredentials(ctx)
		if err != nil {
			return session{}, err
		}
		return s.sendLogin(ctx, body, "role_id and secret_id")
	case Kubernetes:
		jwt, err := readToken(a.JWTFile)
		if err != nil {
			return session{}, fmt.Errorf("read auth.jwt_file: %w", err)
		}
		return s.sendLogin(ctx, map[string]string{"role": a.Role, "jwt": jwt}, "role, and the service accounts and namespaces that are bound to it")
	}
	token, err := s.configuredToken(ctx)
	return session{token: token}, err
}

// configuredToken returns the token from token_file, token or $VAULT_TOKEN.
func (s *Store) configuredToken(ctx context.Context) (string, error) {
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

// readToken reads a file that contains only a credential.
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

var errToken = errors.New("the token has characters that are not allowed in an HTTP header: check that it is the right text or file")

// checkToken returns an error if the token cannot be sent in an HTTP header.
func checkToken(token string) error {
	if strings.ContainsFunc(token, func(r rune) bool { return r < '!' || r > '~' }) {
		return errToken
	}
	return nil
}

// appRoleCredentials returns the body of an AppRole login. A role with bind_secret_id=false needs no secret ID.
func (s *Store) appRoleCredentials(ctx context.Context) (map[string]string, error) {
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

// sendLogin sends credentials to the auth method. If they are refused, the error tells the user to check whatToCheck.
func (s *Store) sendLogin(ctx context.Context, body map[string]string, whatToCheck string) (session, error) {
	mount := strings.Trim(s.config.Auth.Mount, "/")
	if mount == "" {
		mount = string(s.config.Auth.Method)
	}
	path := "auth/" + mount + "/login"
	r, err := s.sendRequest(ctx, http.MethodPut, path, "", body)
	switch {
	case err != nil:
		return session{}, err
	case r.status == http.StatusOK && r.Auth != nil && r.Auth.ClientToken != "":
		return session{token: r.Auth.ClientToken}.withLifetime(r.Auth.LeaseDuration, r.Auth.Renewable), nil
	case (r.status == http.StatusBadRequest || r.status == http.StatusForbidden) && !r.notVault:
		return session{}, fmt.Errorf("vault %s refuses the login at %s%s: check %s: %s", s.address, path, s.describeNamespace(), whatToCheck, s.serverText(r, body))
	case r.status == http.StatusNotFound && !r.notVault:
		return session{}, fmt.Errorf("vault %s has no auth method at %s%s: enable it, or correct auth.mount or namespace: %s",
			s.address, strings.TrimSuffix(path, "/login"), s.describeNamespace(), s.serverText(r, body))
	}
	return session{}, s.explainRefusal(r)
}

// parseSeconds converts a number of a reply; anything else is 0.
func parseSeconds(v any) int {
	n, _ := v.(json.Number)
	i, _ := n.Int64()
	return int(i)
}
