package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/config"
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

// load finds, reads and checks the configuration. Warnings go to stderr; the error is ready to be returned.
func (a *App) load(path string) (*config.Config, string, error) {
	if path == "" {
		if path = a.findConfig(); path == "" {
			return nil, "", &failure{exitUsage, errors.New("no configuration found in " + defaultPlaces +
				"; name one with --config, or see it work without one: rtcollector demo")}
		}
	}
	cfg, err := config.Load(path, a.configEnv())
	var problems conf.Problems
	switch {
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
	return config.Env{Inputs: a.Inputs, Outputs: a.Outputs, GOOS: a.GOOS, Getenv: a.Getenv}
}
