//go:build !core

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/internal/embedded"
)

func (a *App) embeddedCommand(c *commonFlags) *cobra.Command {
	var listen string
	var keep time.Duration
	var access accessFlags
	cmd := &cobra.Command{
		Use:   "embedded",
		Short: "Run the embedded Redis with TimeSeries alone, in memory",
		Args:  rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.runEmbedded(cmd.Context(), listen, access, keep, c.debug)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:6390", "`address` to listen on; an address that other machines can reach needs a password")
	cmd.Flags().DurationVar(&keep, "retention", 0, "how long samples of series without their own retention are kept; 0: until the memory limit is reached")
	access.register(cmd)
	return cmd
}

// runEmbedded runs the server until ctx is done.
func (a *App) runEmbedded(ctx context.Context, listen string, access accessFlags, keep time.Duration, debug bool) error {
	level := slog.LevelWarn
	if debug {
		level = slog.LevelDebug
	}
	server, err := a.startEmbedded(ctx, listen, "--listen", access, embedded.Config{Retention: keep, Logger: slog.New(newConsole(a.Stderr, level))})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Stdout, "Redis with TimeSeries on %s, in memory only: its data is lost when it stops.\n"+
		"Try: %s INFO server\n", server.Addr(), redisCLICommand(server.Addr()))
	if err == nil {
		<-ctx.Done()
	}
	return runtimeFailure(errors.Join(err, server.Close()))
}
