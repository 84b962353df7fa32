// Package vaulttest is a fake Vault server. A real server is available neither as a Go module nor as a Debian package. If RTC_TEST_VAULT
// names one, the tests of the store also run against it. The replies are those of HashiCorp's documentation:
//
//   - https://developer.hashicorp.com/vault/api-docs#http-status-codes and #error-response: 400, 403, 404, 503
//   - https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v1#read-secret
//   - https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version, also of a deleted version
//   - https://developer.hashicorp.com/vault/api-docs/auth/approle#login-with-approle
//   - https://developer.hashicorp.com/vault/api-docs/auth/kubernetes#login
//   - https://developer.hashicorp.com/vault/api-docs/auth/token#lookup-a-token-self and #renew-a-token-self
//   - https://developer.hashicorp.com/vault/docs/enterprise/namespaces#usage: X-Vault-Namespace
//
// Replies that are not documented are quoted in issues: the warning of a version 2 engine that is read as
// version 1 (github.com/rundeck-plugins/vault-storage/issues/57), "no handler for route"
// (github.com/external-secrets/kubernetes-external-secrets/issues/857), "namespace not found"
// (github.com/openbao/openbao/issues/1508).
package vaulttest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// Server is the fake. Set its fields before the first request; methods may be called at any time.
type Server struct {
	Namespace string         // the only namespace; "": the root
	Engines   map[string]int // path of a key/value engine → its version
	AppRoles  map[string]string
	Service   map[string]string // role → service account token
	Grant     Token             // the token that a login returns, with a number appended to its ID

	mu       sync.Mutex
	secrets  map[string]map[string]any
	deleted  map[string]bool // deleted secrets; true: destroyed
	tokens   map[string]*Token
	requests []Request
	fail     func(r *http.Request) (status int, body string)
	logins   int
}

// Token is a valid token.
type Token struct {
	ID        string
	Paths     []string      // prefixes of the paths that it is allowed to read
	TTL       time.Duration // 0: for ever
	Max       time.Duration // maximum lifetime with renewals; 0: no limit
	Renewable bool
	Hidden    bool // lacks the policy "default", so it cannot look itself up

	issuedAt, expiresAt time.Time
}

// Request is a received request.
type Request struct {
	Method, Path, Token, Namespace, Body string
}

// New returns a server with one version 2 engine at "secret".
func New() *Server {
	return &Server{
		Engines: map[string]int{"secret": 2}, AppRoles: map[string]string{}, Service: map[string]string{},
		secrets: map[string]map[string]any{}, deleted: map[string]bool{}, tokens: map[string]*Token{},
	}
}

// Put writes a secret. Name is a path such as "secret/rtcollector/redis".
func (s *Server) Put(name string, fields map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets[name] = fields
	delete(s.deleted, name)
}

// Delete deletes the newest version of a secret.
func (s *Server) Delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted[name] = false
}

// Destroy destroys the newest version of a secret, so that it cannot be undeleted.
func (s *Server) Destroy(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted[name] = true
}

// Upgrade upgrades an engine to version 2.
func (s *Server) Upgrade(mount string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Engines[mount] = 2
}

// Issue makes a token valid from now on.
func (s *Server) Issue(t Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issue(t)
}

func (s *Server) issue(t Token) {
	t.issuedAt = time.Now()
	if t.TTL > 0 {
		t.expiresAt = t.issuedAt.Add(t.TTL)
	}
	s.tokens[t.ID] = &t
}

// Revoke makes a token invalid.
func (s *Server) Revoke(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, id)
}

// Fail makes requests fail with the status and body that f returns. Requests with status 0, or all if f is nil, are handled normally.
func (s *Server) Fail(f func(r *http.Request) (status int, body string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

// Sealed returns the reply of a sealed server, for [Server.Fail].
func Sealed(*http.Request) (int, string) {
	return http.StatusServiceUnavailable, `{"errors":["Vault is sealed"]}`
}

// Requests returns the requests since the last call, as "GET path".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, r := range s.requests {
		list = append(list, r.Method+" "+r.Path)
	}
	s.requests = nil
	return list
}

// Last returns the last request.
func (s *Server) Last() Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		return Request{}
	}
	return s.requests[len(s.requests)-1]
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	name := strings.TrimPrefix(r.URL.Path, "/v1/")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{r.Method, name, r.Header.Get("X-Vault-Token"), r.Header.Get("X-Vault-Namespace"), string(body)})
	status, text := 0, ""
	if s.fail != nil {
		status, text = s.fail(r)
	}
	switch {
	case status != 0:
	case r.Header.Get("X-Vault-Request") != "true":
		status, text = http.StatusPreconditionFailed, `{"errors":["missing required 'X-Vault-Request' header"]}`
	case r.Header.Get("X-Vault-Namespace") != s.Namespace:
		status, text = http.StatusNotFound, `{"errors":["namespace not found"]}`
	default:
		status, text = s.handle(r, name, string(body))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

const denied = `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`

func (s *Server) handle(r *http.Request, name, body string) (int, string) {
	write := r.Method == http.MethodPut || r.Method == http.MethodPost
	if strings.HasPrefix(name, "auth/") && strings.HasSuffix(name, "/login") && write {
		return s.login(name, body)
	}
	t := s.tokens[r.Header.Get("X-Vault-Token")]
	if t != nil && !t.expiresAt.IsZero() && !time.Now().Before(t.expiresAt) {
		t = nil
	}
	switch {
	case t == nil:
		return http.StatusForbidden, `{"errors":["permission denied","invalid token"]}`
	case name == "auth/token/lookup-self" && r.Method == http.MethodGet:
		return s.lookUpToken(t)
	case name == "auth/token/renew-self" && write:
		return s.renewToken(t)
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed, `{"errors":["1 error occurred:\n\t* unsupported operation\n\n"]}`
	}
	for _, prefix := range t.Paths {
		if strings.HasPrefix(name, prefix) {
			return s.readKV(name)
		}
	}
	return http.StatusForbidden, denied
}

func (s *Server) readKV(name string) (int, string) {
	mount, rest, _ := strings.Cut(name, "/")
	version, there := s.Engines[mount]
	switch {
	case !there:
		return http.StatusNotFound, errorText("no handler for route %q. route entry not found.", name)
	case version == 1:
		if fields := s.secrets[name]; fields != nil {
			return http.StatusOK, marshal(map[string]any{"lease_id": "", "renewable": false, "lease_duration": 2764800, "data": fields})
		}
		return http.StatusNotFound, `{"errors":[]}`
	}
	rest, ok := strings.CutPrefix(rest, "data/")
	if !ok {
		return http.StatusNotFound, `{"request_id":"f453111c","lease_id":"","renewable":false,"lease_duration":0,"data":null,"wrap_info":null,` +
			`"warnings":["Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. ` +
			`If using the Vault CLI, use 'vault kv get' for this operation."],"auth":null,"mount_type":""}`
	}
	metadata := map[string]any{"created_time": "2018-03-22T02:24:06.945319214Z", "custom_metadata": nil, "deletion_time": "", "destroyed": false, "version": 2}
	fields := s.secrets[path.Join(mount, rest)]
	destroyed, gone := s.deleted[path.Join(mount, rest)]
	switch {
	case fields == nil:
		return http.StatusNotFound, `{"errors":[]}`
	case gone:
		metadata["destroyed"] = destroyed
		if !destroyed {
			metadata["deletion_time"] = "2018-03-22T02:36:33.954880664Z"
		}
		return http.StatusNotFound, marshal(map[string]any{"data": map[string]any{"data": nil, "metadata": metadata}})
	}
	return http.StatusOK, marshal(map[string]any{"data": map[string]any{"data": fields, "metadata": metadata}})
}

func (s *Server) login(name, body string) (int, string) {
	var sent map[string]string
	if json.Unmarshal([]byte(body), &sent) != nil {
		return http.StatusBadRequest, `{"errors":["failed to parse JSON input"]}`
	}
	switch name {
	case "auth/approle/login":
		if want, ok := s.AppRoles[sent["role_id"]]; !ok || sent["secret_id"] != want {
			return http.StatusBadRequest, `{"errors":["invalid role or secret ID"]}`
		}
	case "auth/kubernetes/login":
		if want, ok := s.Service[sent["role"]]; !ok {
			return http.StatusBadRequest, errorText("invalid role name %q", sent["role"])
		} else if sent["jwt"] != want {
			return http.StatusForbidden, `{"errors":["permission denied"]}`
		}
	default:
		return http.StatusNotFound, errorText("no handler for route %q. route entry not found.", name)
	}
	s.logins++
	t := s.Grant
	t.ID = fmt.Sprintf("%s%d", t.ID, s.logins)
	s.issue(t)
	return http.StatusOK, s.authReply(s.tokens[t.ID])
}

// authReply returns a reply with a token.
func (s *Server) authReply(t *Token) string {
	return marshal(map[string]any{"data": nil, "warnings": nil, "auth": map[string]any{
		"client_token": t.ID, "accessor": "e6ff45a1", "policies": []string{"default"}, "metadata": map[string]any{},
		"lease_duration": secondsLeft(t), "renewable": t.Renewable,
	}})
}

func secondsLeft(t *Token) int {
	if t.expiresAt.IsZero() {
		return 0
	}
	return int(time.Until(t.expiresAt).Round(time.Second).Seconds())
}

func (s *Server) lookUpToken(t *Token) (int, string) {
	if t.Hidden {
		return http.StatusForbidden, denied
	}
	data := map[string]any{"id": t.ID, "ttl": secondsLeft(t), "renewable": t.Renewable, "expire_time": nil, "policies": []string{"default"}}
	return http.StatusOK, marshal(map[string]any{"data": data})
}

func (s *Server) renewToken(t *Token) (int, string) {
	if !t.Renewable {
		return http.StatusBadRequest, `{"errors":["lease is not renewable"]}`
	}
	t.expiresAt = time.Now().Add(t.TTL)
	if limit := t.issuedAt.Add(t.Max); t.Max > 0 && t.expiresAt.After(limit) {
		t.expiresAt = limit
	}
	return http.StatusOK, s.authReply(t)
}

func errorText(format string, args ...any) string {
	return marshal(map[string]any{"errors": []string{fmt.Sprintf(format, args...)}})
}

func marshal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
