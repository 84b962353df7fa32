//go:build !core

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/netdatachart"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

func (a *App) netdataPluginCommand(c *commonFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "netdata-plugin [SECONDS]",
		Short: "Be an external plugin of Netdata: the inputs of the configuration appear as its charts",
		Long: `Prints what the inputs gather in the format of Netdata's external plugins, until Netdata stops it. The argument is the number of seconds between two
collections, at least; Netdata passes it. Link the program into Netdata's folder of plugins, and restart Netdata:

  ln -s $(which rtcollector) /etc/netdata/custom-plugins.d/` + netdataName + `

The configuration is rtcollector.yaml in Netdata's folder of configurations ($NETDATA_USER_CONFIG_DIR), else the usual one, else every input of this
system. Its outputs are not used.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			every := 1
			if len(args) == 1 {
				var err error
				if every, err = strconv.Atoi(args[0]); err != nil || every < 1 {
					return fmt.Errorf("SECONDS must be a whole number from 1, not %q", args[0])
				}
			}
			return a.runNetdataPlugin(cmd.Context(), *c, time.Duration(every)*time.Second)
		},
	}
}

func (a *App) runNetdataPlugin(ctx context.Context, c commonFlags, every time.Duration) error {
	cfg, err := a.loadForNetdata(ctx, c)
	if err != nil {
		fmt.Fprintln(a.Stdout, "DISABLE") // starting it again would not help
		return err
	}
	cfg.Interval = conf.Duration(max(every, cfg.Interval.D()))
	for i := range cfg.Inputs {
		if o := &cfg.Inputs[i].Built.Options; o.Interval > 0 {
			o.Interval = max(o.Interval, cfg.Interval)
		}
	}
	described := a.describeAgent(cfg, slog.New(slog.NewTextHandler(a.rawErr, nil)), io.Discard)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	charts := netdatachart.New(a.rawOut, described.Host, cfg.Interval.D(), stop)
	described.Flush = cfg.Interval.D()
	described.Outputs = []agent.Output{{ID: "netdata", Build: func(telemetry.Slot) (outputs.Output, error) { return charts, nil }}}
	ag, err := agent.New(described)
	if err != nil {
		fmt.Fprintln(a.Stdout, "DISABLE")
		return &failure{exitUsage, err}
	}
	err = ag.Run(ctx)
	if cause := context.Cause(ctx); errors.Is(cause, syscall.EPIPE) || errors.Is(cause, os.ErrClosed) {
		return nil // Netdata ended
	}
	return runtimeFailure(err)
}

// loadForNetdata loads the configuration, or makes one with every input of this system that needs no settings.
func (a *App) loadForNetdata(ctx context.Context, c commonFlags) (*config.Config, error) {
	path := c.config
	if dir, ok := a.Getenv("NETDATA_USER_CONFIG_DIR"); ok && path == "" {
		own := filepath.Join(dir, "rtcollector.yaml")
		if _, err := os.Stat(own); err == nil {
			path = own
		}
	}
	if path == "" {
		path = a.findConfig()
	}
	if path != "" {
		cfg, _, err := a.load(ctx, path)
		return cfg, err
	}
	text := "interval: 1s\ninputs: ["
	for _, d := range a.Inputs {
		if d.Starts(a.GOOS) && d.Name() != "internal" {
			text += d.Name() + ", "
		}
	}
	cfg, err := config.Parse(ctx, "built-in", []byte(strings.TrimSuffix(text, ", ")+", internal: {enabled: false}]\noutputs: [stdout]\n"), a.configEnv())
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	return cfg, nil
}
