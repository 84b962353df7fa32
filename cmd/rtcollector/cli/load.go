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

const defaultPaths = "./config.yaml, ./config.yml, $XDG_CONFIG_HOME/rtcollector/config.yaml (else ~/.config/rtcollector/config.yaml), " +
	"/etc/rtcollector/config.yaml (macOS and FreeBSD: /usr/local/etc/rtcollector/config.yaml, Homebrew: /opt/homebrew/etc/rtcollector/config.yaml, " +
	`Windows: %ProgramData%\rtcollector\config.yaml)`

// maxShownProblems is the number of mistakes that are printed. A file that is not a configuration has thousands.
const maxShownProblems = 30

// findConfig returns the first default configuration file that exists, or "".
func (a *App) findConfig() string {
	places := []string{"config.yaml", "config.yml"}
	if dir, ok := a.Getenv("XDG_CONFIG_HOME"); ok && dir != "" {
		places = append(places, filepath.Join(dir, "rtcollector", "config.yaml"))
	} else if home, ok := a.Getenv("HOME"); ok {
		places = append(places, filepath.Join(home, ".config", "rtcollector", "config.yaml"))
	}
	return firstFile(append(places, a.systemConfigs()...))
}

// systemConfigs returns where the configuration of the whole system may be, the preferred place first.
func (a *App) systemConfigs() []string {
	const inEtc = "/etc/rtcollector/config.yaml"
	switch a.GOOS {
	case "windows":
		if dir, ok := a.Getenv("ProgramData"); ok && dir != "" {
			return []string{filepath.Join(dir, "rtcollector", "config.yaml")}
		}
		return nil
	case "darwin":
		return []string{"/usr/local" + inEtc, "/opt/homebrew" + inEtc, inEtc}
	case "freebsd":
		return []string{"/usr/local" + inEtc, inEtc}
	}
	return []string{inEtc}
}

// firstFile returns the first of some files that exists, or "".
func firstFile(places []string) string {
	for _, place := range places {
		if st, err := os.Stat(place); err == nil && st.Mode().IsRegular() {
			return place
		}
	}
	return ""
}

// Pauses between attempts to load a configuration whose secret stores do not answer.
const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// loadPatiently is load for commands that can wait: while a secret store that the configuration needs cannot be reached, it
// tries again, and prints that once. It returns neither an error nor a configuration when ctx has ended.
func (a *App) loadPatiently(ctx context.Context, path string) (*config.Config, string, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		cfg, found, err := a.load(ctx, path)
		if !secret.IsUnavailable(err) {
			return cfg, found, err
		}
		if pause == firstPause && ctx.Err() == nil {
			fmt.Fprintf(a.Stderr, "%v\nwaiting for the secret store: trying again, at least every %v\n", err, lastPause)
		}
		select {
		case <-ctx.Done():
			fmt.Fprintln(a.Stderr, "stopped while waiting for the secret store: nothing was started")
			return nil, found, nil
		case <-time.After(pause):
		}
	}
}

// load finds, reads and checks the configuration. It prints warnings to stderr. The error has its exit code.
func (a *App) load(ctx context.Context, path string) (*config.Config, string, error) {
	return a.loadWith(ctx, path, a.configEnv())
}

func (a *App) loadWith(ctx context.Context, path string, env config.Env) (*config.Config, string, error) {
	if path == "" {
		if path = a.findConfig(); path == "" {
			return nil, "", &failure{exitUsage, errors.New("no configuration found in " + defaultPaths +
				"; name one with --config, or run \"rtcollector demo\", which needs none")}
		}
	}
	cfg, err := config.Load(ctx, path, env)
	if err = explainLoad(path, err); err != nil {
		return nil, path, err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(a.Stderr, "warning:", w.Error())
	}
	for _, w := range fileWarnings(path, cfg) {
		fmt.Fprintln(a.Stderr, "warning:", w)
	}
	return cfg, path, nil
}

// explainLoad adds to the error of [config.Load] what to do, and the exit code.
func explainLoad(path string, err error) error {
	var problems conf.Problems
	switch {
	case secret.IsUnavailable(err):
		return runtimeFailure(err)
	case errors.As(err, &problems):
		return &failure{exitUsage, limitProblems(problems)}
	case errors.Is(err, fs.ErrNotExist):
		return &failure{exitUsage, fmt.Errorf("%s: no such file; \"rtcollector init\" prints one for this host", path)}
	case err != nil:
		return &failure{exitUsage, err}
	}
	return nil
}

func limitProblems(ps conf.Problems) error {
	if len(ps) <= maxShownProblems {
		return ps
	}
	return fmt.Errorf("%w\n… and %d more", ps[:maxShownProblems], len(ps)-maxShownProblems)
}

func (a *App) configEnv() config.Env {
	return config.Env{Inputs: a.Inputs, Outputs: a.Outputs, Stores: a.Stores, GOOS: a.GOOS, Getenv: a.Getenv, Redactor: a.redactor}
}
