package postgresinput

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// Config is the address of the server and what the input reads in addition to the default set.
type Config struct {
	URL      secret.Ref   `yaml:"url"` // instead of host, port, user, dbname, sslmode; or a DSN
	Host     string       `yaml:"host"`
	Port     int          `yaml:"port"`
	User     string       `yaml:"user"`
	Password secret.Ref   `yaml:"password"`
	DBName   string       `yaml:"dbname"`
	SSLMode  string       `yaml:"sslmode"`
	TLS      *tlsx.Config `yaml:"tls"` // instead of sslmode

	Databases          match.List `yaml:"databases"` // empty: all
	CollectBgwriter    bool       `yaml:"collect_bgwriter"`
	CollectIO          bool       `yaml:"collect_io"`
	CollectReplication bool       `yaml:"collect_replication"`
	Tables             int        `yaml:"tables"` // the N largest; 0: none
	Indexes            int        `yaml:"indexes"`
	Statements         int        `yaml:"statements"` // the N that took longest; 0: none

	Queries []sqlseries.Query `yaml:"queries"`
}

const (
	defaultHost   = "localhost"
	defaultPort   = 5432
	defaultUser   = "postgres"
	defaultDBName = "postgres"
	defaultMode   = "prefer"
)

func defaults() Config {
	return Config{
		Host: defaultHost, Port: defaultPort, User: defaultUser, DBName: defaultDBName,
		CollectBgwriter: true, CollectIO: true, CollectReplication: true,
	}
}

// maxEntries bounds the lists of tables, indexes and statements.
const maxEntries = 1000

// MetricNames implements plugins.Namer.
func (c *Config) MetricNames() []string { return sqlseries.MetricNames(c.Queries) }

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	hasParts := c.Host != defaultHost || c.Port != defaultPort || c.User != defaultUser || c.DBName != defaultDBName || c.SSLMode != ""
	if !c.URL.IsZero() && hasParts {
		errs = append(errs, conf.Key("url", "replaces host, port, user, dbname and sslmode: set either url or those"))
	}
	if c.Host == "" {
		errs = append(errs, conf.Key("host", "must not be empty"))
	}
	if c.Port < 1 || c.Port > 65535 {
		errs = append(errs, conf.Key("port", "must be 1 to 65535, not %d", c.Port))
	}
	switch c.SSLMode {
	case "", "disable", "allow", "prefer", "require", "verify-ca", "verify-full":
	default:
		errs = append(errs, conf.Key("sslmode", "must be disable, allow, prefer, require, verify-ca or verify-full"))
	}
	if c.TLS != nil && c.SSLMode != "" {
		errs = append(errs, conf.Key("tls", "replaces sslmode: set one of the two"))
	}
	for key, n := range map[string]int{"tables": c.Tables, "indexes": c.Indexes, "statements": c.Statements} {
		if n < 0 || n > maxEntries {
			errs = append(errs, conf.Key(key, "must be 0 to %d: it is the number of entries that are reported", maxEntries))
		}
	}
	return errors.Join(append(errs, sqlseries.CheckUnique(c.Queries))...)
}

// errInvalidURL does not show the URL, because any part of it may be a password.
var errInvalidURL = errors.New(`url is neither a URL (postgres://user@host:5432/dbname) nor a DSN ("host=db port=5432 user=x dbname=y")`)

// connConfig returns the settings for one connection. Secrets, certificates and the environment may have changed since the
// last one.
func (c *Config) connConfig(ctx context.Context, store secret.Resolver) (*pgconn.Config, error) {
	dsn, err := c.URL.Resolve(ctx, store)
	if err != nil {
		return nil, err
	}
	if dsn == "" {
		dsn = c.buildDSN()
	}
	password, err := c.Password.Resolve(ctx, store)
	if err != nil {
		return nil, err
	}
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, errInvalidURL
	}
	if password != "" {
		config.Password = password
	}
	if c.TLS != nil && !isSocket(config.Host) {
		if config.TLSConfig, err = c.TLS.Client(config.Host); err != nil {
			return nil, err
		}
		config.Fallbacks = nil // they would connect without TLS
	}
	config.RuntimeParams["application_name"] = "rtcollector"
	return config, nil
}

func (c *Config) buildDSN() string {
	mode := c.SSLMode
	if mode == "" {
		mode = defaultMode
	}
	quote := func(text string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
	}
	return "host=" + quote(c.Host) + " port=" + strconv.Itoa(c.Port) + " user=" + quote(c.User) +
		" dbname=" + quote(c.DBName) + " sslmode=" + mode
}

func isSocket(host string) bool { return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") }

// serverAddress returns the name of the server in labels and messages: host:port, or the directory of its socket.
func serverAddress(host string, port int) string {
	if isSocket(host) {
		return host + ":" + strconv.Itoa(port)
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
