// Package file is the secret store that reads one file per secret, such as credentials of systemd and secrets of Docker.
package file

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rtcollector/rtcollector/internal/bom"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/secrets"
)

//go:embed README.md
var readme string

// Plugin is the definition of the store "file".
var Plugin = secrets.Define("file", "one file per secret, as systemd, Docker and Kubernetes provide them", Defaults, New).Doc(readme)

const (
	dockerDir          = "/run/secrets"
	credstoreDir       = "/etc/credstore"        // see systemd.exec(5), LoadCredential=
	systemdDirVariable = "CREDENTIALS_DIRECTORY" // see systemd.exec(5), LoadCredential=
	maxSize            = 64 << 10
)

// Config holds the settings of the store.
type Config struct {
	Dir string `yaml:"dir"` // "": the directory of systemd, otherwise that of Docker
}

// Defaults returns settings for the directory in which systemd or Docker puts secrets.
func Defaults() Config { return Config{} }

// Store reads files below a directory.
type Store struct {
	dir string

	// credstore is where the unit of the service takes credentials from: NAME is the file rtcollector.NAME. Commands outside of the
	// service, such as check, find them there. "": the directory was configured, or this is the service.
	credstore string
}

// New builds the store. It does not read anything.
func New(env secrets.StoreEnv, config Config) (Store, error) {
	dir := config.Dir
	if dir == "" && env.Getenv != nil {
		dir, _ = env.Getenv(systemdDirVariable)
	}
	if dir == "" {
		return Store{dockerDir, credstoreDir}, nil
	}
	return Store{dir: dir}, nil
}

// Local implements [secrets.Local].
func (Store) Local() {}

// Secret implements [secrets.Store]. The id is a path below the directory.
func (s Store) Secret(ctx context.Context, id string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	text, err := readSecret(s.dir, id)
	if s.credstore == "" || !secret.IsNotFound(err) {
		return text, err
	}
	text, errCredstore := readSecret(s.credstore, "rtcollector."+id)
	if secret.IsNotFound(errCredstore) {
		return "", fmt.Errorf("%w; nor is %s there, and systemd passes other credentials to the service only", err, filepath.Join(s.credstore, "rtcollector."+id))
	}
	return text, errCredstore
}

// readSecret reads the file of a secret. The id is a path below the directory.
func readSecret(dir, id string) (string, error) {
	name := filepath.FromSlash(id)
	path := filepath.Join(dir, name)
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q is not a path below %s", id, dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", markNotFound(fmt.Errorf("open the directory of secrets: %w", err))
	}
	defer func() { _ = root.Close() }()
	data, err := readRegularFile(root, name)
	if err != nil {
		return "", markNotFound(fmt.Errorf("read %s: %w", path, err))
	}
	plain, err := bom.Strip(data)
	if err != nil {
		return "", fmt.Errorf("read %s: the file %w", path, err)
	}
	text := string(plain)
	if cut, ok := strings.CutSuffix(text, "\n"); ok {
		text = strings.TrimSuffix(cut, "\r")
	}
	if text == "" {
		return "", fmt.Errorf("read %s: the file is empty", path)
	}
	return text, nil
}

func markNotFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return secret.NotFound(err)
	}
	return err
}

// readRegularFile reads a file of at most maxSize bytes. It refuses everything but regular files before it opens them, because opening a
// named pipe would wait for a writer.
func readRegularFile(root *os.Root, name string) ([]byte, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, trimPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, trimPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, trimPath(err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("is larger than %d KiB, which is too large for a secret", maxSize>>10)
	}
	return data, nil
}

// trimPath removes the name of the file from an error. The caller adds it with the directory.
func trimPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
