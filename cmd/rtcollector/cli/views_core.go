//go:build core

package cli

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/selfstat"
)

func (a *App) viewCommands(*commonFlags) []*cobra.Command { return nil }

func (a *App) viewFlagValues() []flagValue { return nil }

// startWeb starts nothing: checkWeb is its only error.
func (a *App) startWeb(_ context.Context, cfg *config.Config, _ *agent.Agent, _ *selfstat.Registry, _ *slog.Logger) (wait func(), err error) {
	return func() {}, a.checkWeb(cfg)
}

// checkWeb refuses a configuration with a web server.
func (a *App) checkWeb(cfg *config.Config) error {
	if cfg.Web == nil {
		return nil
	}
	return &failure{exitUsage, errors.New("web: this is a custom build without the dashboard; remove the key, or use the whole program")}
}
