// Package file is the secret store that reads a file per secret: systemd's credentials, Docker's secrets.
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
var Plugin = secrets.Define("file", "a file per secret, as systemd, Docker and Kubernetes provide them", Defaults, New).Doc(readme)

const (
	dockerDir = "/run/secrets"
	systemd   = "CREDENTIALS_DIRECTORY" // see systemd.exec(5), LoadCredential=
	maxSize   = 64 << 10
)

// Config are the store's settings.
type Config struct {
	Dir string `yaml:"dir"` // "": systemd's, else Docker's
}

// Defaults looks where systemd or Docker put secrets.
func Defaults() Config { return Config{} }

// Store is the live store.
type Store struct{ dir string }

// New makes the store.
func New(env secrets.StoreEnv, config Config) (Store, error) {
	dir := config.Dir
	if dir == "" && env.Getenv != nil {
		dir, _ = env.Getenv(systemd)
	}
	if dir == "" {
		dir = dockerDir
	}
	return Store{dir}, nil
}

// Local implements [secrets.Local].
func (Store) Local() {}

// Secret implements [secrets.Store]. The id is a path below the directory.
func (s Store) Secret(ctx context.Context, id string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	name := filepath.FromSlash(id)
	path := filepath.Join(s.dir, name)
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q is no path below %s", id, s.dir)
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return "", notFound(fmt.Errorf("open the directory of secrets: %w", err))
	}
	defer func() { _ = root.Close() }()
	data, err := read(root, name)
	if err != nil {
		return "", notFound(fmt.Errorf("read %s: %w", path, err))
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

func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return secret.NotFound(err)
	}
	return err
}

// read refuses what is no ordinary file before it is opened: opening a named pipe would wait for a writer.
func read(root *os.Root, name string) ([]byte, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is no ordinary file")
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("is larger than %d KiB; this is no secret", maxSize>>10)
	}
	return data, nil
}

// bare takes the name of the file out of an error: the caller says it, with its directory.
func bare(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
