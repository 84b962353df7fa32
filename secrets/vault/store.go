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

// fresh is how long a secret that was read is not read again. One connection asks for a user name and a password, which
// must be of one age, and a hundred connections after an outage would ask for them a hundred times. A rotated value is
// used two seconds later at most; who was refused with the old one tries again after a pause anyway.
const fresh = 2 * time.Second

// Store is the live store.
type Store struct {
	config  Config
	env     secrets.StoreEnv
	address string
	client  *api.Client

	logins  chan struct{} // holds one place: one login at a time
	changed chan struct{} // holds one place: wakes the keeper

	mu      sync.Mutex
	session session
	version int // of the KV engine: 0 unknown
	read    map[string]*cached
}

// cached is a secret that was read; its lock is held while it is read again.
type cached struct {
	lock chan struct{}
	at   time.Time
	data map[string]any
}

// New makes the store. Nothing is asked before the first secret is.
func New(env secrets.StoreEnv, config Config) (*Store, error) {
	return newStore(env, config, transport(config.TLS))
}

func newStore(env secrets.StoreEnv, config Config, t http.RoundTripper) (*Store, error) {
	s := &Store{
		config: config, env: env, address: config.URL,
		logins: make(chan struct{}, 1), changed: make(chan struct{}, 1), read: map[string]*cached{},
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

// Secret implements [secrets.Store]. The id is a path below mount and prefix, and behind a "#" a field.
func (s *Store) Secret(ctx context.Context, id string) (string, error) {
	path, field, err := parseID(id, s.config.Field)
	if err != nil {
		return "", err
	}
	if prefix := strings.Trim(s.config.PathPrefix, "/"); prefix != "" {
		path = prefix + "/" + path
	}
	data, err := s.lookUp(ctx, path)
	if err != nil {
		return "", err
	}
	return s.field(data, path, field)
}

// parseID splits "redis/main#password". The library would resolve ".." in a path, and so leave the prefix.
func parseID(id, field string) (path, name string, err error) {
	path, name, named := strings.Cut(id, "#")
	if !named {
		name = field
	}
	switch {
	case name == "":
		return "", "", fmt.Errorf("%q names no field behind \"#\"", id)
	case !plainPath(path):
		return "", "", fmt.Errorf("%q is no path of a secret: it has an empty part, \".\" or \"..\"", id)
	}
	return strings.Trim(path, "/"), name, nil
}

// lookUp returns all fields of a secret, from the last two seconds or from Vault. Errors are not kept.
func (s *Store) lookUp(ctx context.Context, path string) (map[string]any, error) {
	s.mu.Lock()
	c := s.read[path]
	if c == nil {
		c = &cached{lock: make(chan struct{}, 1)}
		s.read[path] = c
	}
	s.mu.Unlock()
	select {
	case c.lock <- struct{}{}:
		defer func() { <-c.lock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.data != nil && time.Since(c.at) < fresh {
		return c.data, nil
	}
	data, err := s.ask(ctx, path)
	if err != nil {
		return nil, err
	}
	c.data, c.at = data, time.Now()
	return data, nil
}

// ask reads a secret: as version 2 and then as version 1, unless it is known which of them the engine is. An engine can
// be upgraded while we run, so that what worked last is only tried first.
func (s *Store) ask(ctx context.Context, path string) (map[string]any, error) {
	var missed []reply
	for _, version := range s.versions() {
		r, err := s.get(ctx, s.kvPath(version, path))
		if err != nil {
			return nil, err
		}
		switch data, ok := kvData(version, r); {
		case ok:
			s.mu.Lock()
			s.version = version
			s.mu.Unlock()
			return data, nil
		case !r.alien && (r.status == http.StatusNotFound || r.status == http.StatusForbidden || r.status == http.StatusOK):
			missed = append(missed, r)
		default:
			return nil, s.refused(r)
		}
	}
	return nil, s.missing(path, missed)
}

func (s *Store) versions() []int {
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

// kvData takes the fields out of a reply. Version 2 has them one level deeper, beside what it knows of the version.
func kvData(version int, r reply) (map[string]any, bool) {
	if r.status != http.StatusOK || r.Data == nil {
		return nil, false
	}
	if version == 1 {
		return r.Data, true
	}
	data, ok := r.Data["data"].(map[string]any)
	return data, ok
}

// field returns one field as a text.
func (s *Store) field(data map[string]any, path, name string) (string, error) {
	where := strings.Trim(s.config.Mount, "/") + "/" + path
	switch v := data[name].(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	case nil:
		if _, there := data[name]; !there {
			names := slices.Sorted(maps.Keys(data))
			return "", secret.NotFound(fmt.Errorf("vault %s: the secret %s has no field %q; it has %s: name one behind \"#\", or set field",
				s.address, where, name, strings.Join(names, ", ")))
		}
	}
	return "", fmt.Errorf("vault %s: the field %q of the secret %s is no text and no number", s.address, name, where)
}

var errNoToken = errors.New("no token: set token, token_file or auth, or the environment variable " + envToken)
