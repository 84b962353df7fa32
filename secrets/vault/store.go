package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/secrets"
)

// cacheTime is how long a secret is cached. A connection reads a user name and a password, which must be from the same version of the
// secret, and a hundred connections after an outage would otherwise read it a hundred times. A rotated value is used at most two seconds
// later; a connection that is refused with the old one is retried after a pause anyway.
const cacheTime = 2 * time.Second

// Store reads secrets from Vault.
type Store struct {
	config  Config
	env     secrets.StoreEnv
	address string
	client  *api.Client

	logins  chan struct{} // capacity 1: a lock for one login at a time
	changed chan struct{} // capacity 1: wakes Keep after a change of the session

	mu      sync.Mutex
	session session
	version int // of the KV engine: 0 unknown
	cache   map[string]*cachedSecret
}

// cachedSecret is a secret that was read. Its lock is held while it is read again.
type cachedSecret struct {
	lock   chan struct{}
	readAt time.Time
	data   map[string]any
}

// New builds the store. It sends no request before the first call of Secret.
func New(env secrets.StoreEnv, config Config) (*Store, error) {
	return newStore(env, config, newTransport(config.TLS))
}

func newStore(env secrets.StoreEnv, config Config, t http.RoundTripper) (*Store, error) {
	s := &Store{
		config: config, env: env, address: config.URL,
		logins: make(chan struct{}, 1), changed: make(chan struct{}, 1), cache: map[string]*cachedSecret{},
	}
	if s.address == "" {
		s.address = defaultURL
		if v, ok := s.getenv(envAddress); ok {
			if err := checkURL(v); err != nil {
				return nil, fmt.Errorf("the environment variable %s %w", envAddress, err)
			}
			s.address = v
		}
	}
	s.address = strings.TrimRight(s.address, "/")
	var err error
	s.client, err = newClient(s.address, config, t)
	return s, err
}

func (s *Store) getenv(name string) (string, bool) {
	if s.env.Getenv == nil {
		return "", false
	}
	v, ok := s.env.Getenv(name)
	return v, ok && v != ""
}

// Secret implements [secrets.Store]. The id is a path below mount and prefix, optionally with "#" and the name of a field.
func (s *Store) Secret(ctx context.Context, id string) (string, error) {
	path, field, err := parseID(id, s.config.Field)
	if err != nil {
		return "", err
	}
	if prefix := strings.Trim(s.config.PathPrefix, "/"); prefix != "" {
		path = prefix + "/" + path
	}
	data, err := s.readCached(ctx, path)
	if err != nil {
		return "", err
	}
	return s.fieldText(data, path, field)
}

// parseID splits "redis/main#password". It rejects "..", because the library would resolve it and leave the prefix.
func parseID(id, field string) (path, name string, err error) {
	path, name, named := strings.Cut(id, "#")
	if !named {
		name = field
	}
	switch {
	case name == "":
		return "", "", fmt.Errorf("%q has no field name after \"#\"", id)
	case !isPlainPath(path):
		return "", "", fmt.Errorf("%q is not the path of a secret: it has an empty part, \".\" or \"..\"", id)
	}
	return strings.Trim(path, "/"), name, nil
}

// readCached returns all fields of a secret, from the cache or from Vault. It does not cache errors.
func (s *Store) readCached(ctx context.Context, path string) (map[string]any, error) {
	s.mu.Lock()
	c := s.cache[path]
	if c == nil {
		c = &cachedSecret{lock: make(chan struct{}, 1)}
		s.cache[path] = c
	}
	s.mu.Unlock()
	select {
	case c.lock <- struct{}{}:
		defer func() { <-c.lock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.data != nil && time.Since(c.readAt) < cacheTime {
		return c.data, nil
	}
	data, err := s.readSecret(ctx, path)
	if err != nil {
		return nil, err
	}
	c.data, c.readAt = data, time.Now()
	return data, nil
}

// readSecret reads a secret. Unless the version of the engine is configured, it tries the version that worked last and then the other one,
// because an engine can be upgraded at run time.
func (s *Store) readSecret(ctx context.Context, path string) (map[string]any, error) {
	var missed []reply
	for _, version := range s.versionsToTry() {
		r, err := s.readPath(ctx, s.kvPath(version, path))
		if err != nil {
			return nil, err
		}
		switch data, ok := kvFields(version, r); {
		case ok:
			s.mu.Lock()
			s.version = version
			s.mu.Unlock()
			return data, nil
		case !r.notVault && (r.status == http.StatusNotFound || r.status == http.StatusForbidden || r.status == http.StatusOK):
			missed = append(missed, r)
		default:
			return nil, s.explainRefusal(r)
		}
	}
	return nil, s.explainMissing(path, missed)
}

// versionsToTry returns the versions of the KV engine in the order in which they are tried.
func (s *Store) versionsToTry() []int {
	if s.config.KVVersion != 0 {
		return []int{s.config.KVVersion}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version == 1 {
		return []int{1, 2}
	}
	return []int{2, 1}
}

func (s *Store) kvPath(version int, path string) string {
	mount := strings.Trim(s.config.Mount, "/")
	if version == 2 {
		return mount + "/data/" + path
	}
	return mount + "/" + path
}

// kvFields returns the fields of the secret in a reply. In version 2 they are one level deeper, next to the metadata.
func kvFields(version int, r reply) (map[string]any, bool) {
	if r.status != http.StatusOK || r.Data == nil {
		return nil, false
	}
	if version == 1 {
		return r.Data, true
	}
	data, ok := r.Data["data"].(map[string]any)
	return data, ok
}

// fieldText returns one field as text.
func (s *Store) fieldText(data map[string]any, path, name string) (string, error) {
	where := strings.Trim(s.config.Mount, "/") + "/" + path
	switch v := data[name].(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	case nil:
		if _, exists := data[name]; !exists {
			names := slices.Sorted(maps.Keys(data))
			return "", secret.NotFound(fmt.Errorf("vault %s: the secret %s has no field %q; it has %s: write one of them after \"#\", or set field",
				s.address, where, name, strings.Join(names, ", ")))
		}
	}
	return "", fmt.Errorf("vault %s: the field %q of the secret %s is neither a text nor a number", s.address, name, where)
}

var errNoToken = errors.New("no token: set token, token_file or auth, or the environment variable " + envToken)
