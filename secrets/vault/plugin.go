// Package vault is the secret store that reads from HashiCorp Vault or OpenBao, which has the same API.
//
//   - plugin.go: the settings.
//   - store.go: [Store], which reads secrets, and the cache.
//   - session.go: the token and the logins. keep.go: renews the token.
//   - client.go: requests and replies. explain.go: errors for users.
package vault

import (
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tlsx"
	"github.com/rtcollector/rtcollector/secrets"
)

//go:embed README.md
var readme string

// Plugin is the definition of the store "vault".
var Plugin = secrets.Define("vault", "HashiCorp Vault or OpenBao, KV version 1 or 2", Defaults, New).Doc(readme)

// Environment variables that are used if the settings are empty. Other variables of Vault have no effect.
const (
	envAddress = "VAULT_ADDR"
	envToken   = "VAULT_TOKEN"
)

const (
	defaultURL = "http://127.0.0.1:8200"
	defaultJWT = "/var/run/secrets/kubernetes.io/serviceaccount/token"
)

// Config holds the settings of the store.
type Config struct {
	URL        string        `yaml:"url"` // "": $VAULT_ADDR, otherwise defaultURL
	Token      secret.Ref    `yaml:"token"`
	TokenFile  string        `yaml:"token_file"`
	PathPrefix string        `yaml:"path_prefix"` // between the mount and the id
	Mount      string        `yaml:"mount"`       // of the KV engine
	KVVersion  int           `yaml:"kv_version"`  // 0: detect it
	Field      string        `yaml:"field"`       // for ids without "#field"
	Namespace  string        `yaml:"namespace"`
	TLS        tlsx.Config   `yaml:"tls"`
	Timeout    conf.Duration `yaml:"timeout"` // of one request
	Auth       Auth          `yaml:"auth"`
}

// Auth holds the settings for getting a token.
type Auth struct {
	Method       Method     `yaml:"method"` // "": token
	Mount        string     `yaml:"mount"`  // "": the method's name
	Role         string     `yaml:"role"`   // Kubernetes
	RoleID       secret.Ref `yaml:"role_id"`
	SecretID     secret.Ref `yaml:"secret_id"`
	SecretIDFile string     `yaml:"secret_id_file"`
	JWTFile      string     `yaml:"jwt_file"`
}

// Method is a way to get a token.
type Method string

// Methods.
const (
	Token      Method = "token"
	AppRole    Method = "approle"
	Kubernetes Method = "kubernetes"
)

// UnmarshalScalar implements conf.Scalar.
func (m *Method) UnmarshalScalar(text string) error {
	methods := []string{string(Token), string(AppRole), string(Kubernetes)}
	if !slices.Contains(methods, text) {
		return fmt.Errorf("must be %s%s", strings.Join(methods, ", "), conf.Suggest(text, methods))
	}
	*m = Method(text)
	return nil
}

// Defaults returns the default settings. They are those of the predecessor for settings that it had.
func Defaults() Config {
	return Config{
		PathPrefix: "rtcollector", Mount: "secret", Field: "value", Timeout: conf.Duration(5 * time.Second),
		Auth: Auth{Method: Token, JWTFile: defaultJWT},
	}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	if c.URL != "" {
		if err := checkURL(c.URL); err != nil {
			errs = append(errs, conf.Key("url", "%s", err))
		}
	}
	if c.Mount == "" || !isPlainPath(c.Mount) {
		errs = append(errs, conf.Key("mount", "must be the path of a KV engine, as in \"vault secrets list\""))
	}
	if c.PathPrefix != "" && !isPlainPath(c.PathPrefix) {
		errs = append(errs, conf.Key("path_prefix", "must be a path without \".\", \"..\" and empty parts"))
	}
	if c.KVVersion < 0 || c.KVVersion > 2 {
		errs = append(errs, conf.Key("kv_version", "must be 1 or 2; without it the version is detected"))
	}
	if c.Field == "" {
		errs = append(errs, conf.Key("field", "must not be empty"))
	}
	if c.Timeout <= 0 {
		errs = append(errs, conf.Key("timeout", "must be more than 0"))
	}
	return errors.Join(append(errs, c.validateToken())...)
}

func (c *Config) validateToken() error {
	var errs []error
	if !c.Token.IsZero() && c.TokenFile != "" {
		errs = append(errs, conf.Key("token_file", "cannot be combined with token: use one of them"))
	}
	if c.Auth.Method != Token && !c.Token.IsZero() {
		errs = append(errs, conf.Key("token", "has no effect with auth.method %s: remove one of them", c.Auth.Method))
	}
	if c.Auth.Method != Token && c.TokenFile != "" {
		errs = append(errs, conf.Key("token_file", "has no effect with auth.method %s: remove one of them", c.Auth.Method))
	}
	return errors.Join(errs...)
}

// Validate implements conf.Validator.
func (a *Auth) Validate() error {
	var errs []error
	if a.Mount != "" && !isPlainPath(a.Mount) {
		errs = append(errs, conf.Key("mount", "must be the path of an auth method, as in \"vault auth list\""))
	}
	if a.Method == AppRole && a.RoleID.IsZero() {
		errs = append(errs, conf.Key("role_id", "is needed with method approle"))
	}
	if !a.SecretID.IsZero() && a.SecretIDFile != "" {
		errs = append(errs, conf.Key("secret_id_file", "cannot be combined with secret_id: use one of them"))
	}
	if a.Method == Kubernetes && a.Role == "" {
		errs = append(errs, conf.Key("role", "is needed with method kubernetes"))
	}
	return errors.Join(errs...)
}

// checkURL validates a URL. Its error does not contain the URL, which may contain a password.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be a URL such as https://vault.example:8200, without user, password and query")
	}
	return nil
}

// isPlainPath reports whether a path has no empty parts, "." or "..".
func isPlainPath(path string) bool {
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}
