//go:build core

package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent/config"
)

func (a *App) viewCommands(*commonFlags) []*cobra.Command { return nil }

// watchFile watches nothing: the package that reports events of folders is not in a custom build.
func watchFile(context.Context, string, [sha256.Size]byte, *slog.Logger, func()) error {
	return errors.New("this is a custom build without --watch: send SIGHUP after a change")
}

func (a *App) viewFlagValues() []flagValue { return nil }

// wantWeb wants nothing: checkWeb is its only error.
func (a *App) wantWeb(cfg *config.Config, _ *liveAgent) (wantedServer, error) {
	return wantedServer{}, a.checkWeb(cfg)
}

// wantHealth wants nothing, because Go's HTTP server is not in a custom build.
func (a *App) wantHealth(cfg *config.Config, _ *liveAgent) (wantedServer, error) {
	if cfg.Health == nil {
		return wantedServer{}, nil
	}
	return wantedServer{}, &failure{exitUsage, errors.New("health: this is a custom build without a web server; remove the key, or use the whole program")}
}

// checkWeb refuses a configuration with a web server.
func (a *App) checkWeb(cfg *config.Config) error {
	if cfg.Web == nil {
		return nil
	}
	return &failure{exitUsage, errors.New("web: this is a custom build without the dashboard; remove the key, or use the whole program")}
}
