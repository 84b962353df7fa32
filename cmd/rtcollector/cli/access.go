//go:build !core

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

// accessFlags are the flags that control access to the embedded Redis.
type accessFlags struct {
	passwordFile string
	insecure     bool
}

func (f *accessFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.passwordFile, "password-file", "", "`file` with the password that clients must send; default: no password")
	cmd.Flags().BoolVar(&f.insecure, "insecure", false, "listen on an address that other machines can reach without a password")
}

// startEmbedded starts the embedded Redis. Its errors name the flags that help; addressFlag is the one with the address.
func (a *App) startEmbedded(ctx context.Context, addr, addressFlag string, f accessFlags, cfg embedded.Config) (*embedded.Server, error) {
	cfg.Insecure = f.insecure
	if f.passwordFile != "" {
		store, id, err := f.openStore()
		if err == nil {
			cfg.Password, err = store.Secret(ctx, id)
		}
		if err != nil {
			return nil, fmt.Errorf("--password-file: %w", err)
		}
		a.redactor.Add(cfg.Password)
	}
	server, err := embedded.Listen(addr, cfg)
	if errors.Is(err, embedded.ErrExposed) {
		return nil, fmt.Errorf("%w; set one with --password-file FILE, use %s 127.0.0.1:6390, or accept it with --insecure", err, addressFlag)
	}
	if err != nil {
		return nil, runtimeFailure(fmt.Errorf("%w; choose another address with %s 127.0.0.1:0", err, addressFlag))
	}
	return server, nil
}

// openStore returns the secret store that reads the password file, and the name of the secret in it. Links are resolved before,
// because the store does not follow links out of its directory.
func (f *accessFlags) openStore() (store filestore.Store, id string, err error) {
	dir, id, err := f.locatePasswordFile()
	if err != nil {
		return store, "", err
	}
	store, err = filestore.New(secrets.StoreEnv{}, filestore.Config{Dir: dir})
	return store, id, err
}

// locatePasswordFile returns the directory and the base name of the password file, with links resolved.
func (f *accessFlags) locatePasswordFile() (dir, name string, err error) {
	path, err := filepath.Abs(f.passwordFile)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	return filepath.Dir(path), filepath.Base(path), err
}
