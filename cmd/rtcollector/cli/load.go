package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
)

const defaultPlaces = "./config.yaml, ./config.yml, $XDG_CONFIG_HOME/rtcollector/config.yaml (else ~/.config/rtcollector/config.yaml), /etc/rtcollector/config.yaml"

// maxShown is how many mistakes of a configuration are printed: a file that is no configuration has thousands.
const maxShown = 30

// findConfig returns the first default configuration file that exists, or "".
func (a *App) findConfig() string {
	places := []string{"config.yaml", "config.yml"}
	if dir, ok := a.Getenv("XDG_CONFIG_HOME"); ok && dir != "" {
		places = append(places, filepath.Join(dir, "rtcollector", "config.yaml"))
	} else if home, ok := a.Getenv("HOME"); ok {
		places = append(places, filepath.Join(home, ".config", "rtcollector", "config.yaml"))
	}
	for _, place := range append(places, "/etc/rtcollector/config.yaml") {
		if st, err := os.Stat(place); err == nil && st.Mode().IsRegular() {
			return place
		}
	}
	return ""
}

// Pauses between two attempts to load a configuration whose secret stores do not answer.
const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// loadPatiently is load for who can wait: while a secret store that the configuration needs cannot be asked, it tries
// again, and says so once. Without an error and a configuration, ctx has ended.
func (a *App) loadPatiently(ctx context.Context, path string) (*config.Config, string, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		cfg, found, err := a.load(ctx, path)
		if !secret.IsUnavailable(err) {
			return cfg, found, err
		}
		if pause == firstPause && ctx.Err() == nil {
			fmt.Fprintf(a.Stderr, "%v\nwaiting for the secret store: trying again with pauses of up to %v\n", err, lastPause)
		}
		select {
		case <-ctx.Done():
			fmt.Fprintln(a.Stderr, "stopped while waiting for the secret store: nothing was started")
			return nil, found, nil
		case <-time.After(pause):
		}
	}
}

// load finds, reads and checks the configuration. Warnings go to stderr; the error is ready to be returned.
func (a *App) load(ctx context.Context, path string) (*config.Config, string, error) {
	return a.loadWith(ctx, path, a.configEnv())
}

func (a *App) loadWith(ctx context.Context, path string, env config.Env) (*config.Config, string, error) {
	if path == "" {
		if path = a.findConfig(); path == "" {
			return nil, "", &failure{exitUsage, errors.New("no configuration found in " + defaultPlaces +
				"; name one with --config, or see it work without one: rtcollector demo")}
		}
	}
	cfg, err := config.Load(ctx, path, env)
	var problems conf.Problems
	switch {
	case secret.IsUnavailable(err):
		return nil, path, fail(err)
	case errors.As(err, &problems):
		return nil, path, &failure{exitUsage, tooMany(problems)}
	case errors.Is(err, fs.ErrNotExist):
		return nil, path, &failure{exitUsage, fmt.Errorf("%s: no such file; \"rtcollector plugins sample\" prints a configuration to begin with", path)}
	case err != nil:
		return nil, path, &failure{exitUsage, err}
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(a.Stderr, "warning:", w.Error())
	}
	return cfg, path, nil
}

func tooMany(ps conf.Problems) error {
	if len(ps) <= maxShown {
		return ps
	}
	return fmt.Errorf("%w\n… and %d more", ps[:maxShown], len(ps)-maxShown)
}

func (a *App) configEnv() config.Env {
	return config.Env{Inputs: a.Inputs, Outputs: a.Outputs, Stores: a.Stores, GOOS: a.GOOS, Getenv: a.Getenv, Redactor: a.hidden}
}
