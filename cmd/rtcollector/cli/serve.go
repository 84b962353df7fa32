package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/secrets"
	filestore "github.com/rtcollector/rtcollector/secrets/file"
)

// access are the flags that say who may use the embedded Redis.
type access struct {
	passwordFile string
	insecure     bool
}

func (f *access) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.passwordFile, "password-file", "", "`file` with the password that clients must send; without it there is none")
	cmd.Flags().BoolVar(&f.insecure, "insecure", false, "listen on an address that other machines can reach without a password")
}

// listen starts the embedded Redis. The errors say which flag, of which addressFlag
// is the one with the address, helps.
func (a *App) listen(ctx context.Context, addr, addressFlag string, f access, cfg embedded.Config) (*embedded.Server, error) {
	cfg.Insecure = f.insecure
	if f.passwordFile != "" {
		store, id, err := f.store()
		if err == nil {
			cfg.Password, err = store.Secret(ctx, id)
		}
		if err != nil {
			return nil, fmt.Errorf("--password-file: %w", err)
		}
		a.hidden.Add(cfg.Password)
	}
	server, err := embedded.Listen(addr, cfg)
	if errors.Is(err, embedded.ErrExposed) {
		return nil, fmt.Errorf("%w; set one with --password-file FILE, use %s 127.0.0.1:6390, or accept it with --insecure", err, addressFlag)
	}
	if err != nil {
		return nil, fail(fmt.Errorf("%w; choose another address with %s 127.0.0.1:0", err, addressFlag))
	}
	return server, nil
}

// store returns the secret store that reads the password file, and the secret's
// name in it. Links are followed here, because the store does not leave its
// directory.
func (f *access) store() (store filestore.Store, id string, err error) {
	dir, id, err := f.place()
	if err != nil {
		return store, "", err
	}
	store, err = filestore.New(secrets.StoreEnv{}, filestore.Config{Dir: dir})
	return store, id, err
}

func (f *access) place() (dir, name string, err error) {
	path, err := filepath.Abs(f.passwordFile)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	return filepath.Dir(path), filepath.Base(path), err
}
