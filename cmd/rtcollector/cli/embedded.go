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

func (a *App) embeddedCommand(c *common) *cobra.Command {
	var listen string
	var keep time.Duration
	var who access
	cmd := &cobra.Command{
		Use:   "embedded",
		Short: "Run the embedded Redis with TimeSeries alone, in memory",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.embedded(cmd.Context(), listen, who, keep, c.debug)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:6390", "`address` to listen on; one that other machines can reach needs a password")
	cmd.Flags().DurationVar(&keep, "retention", 0, "what series without a retention of their own keep; 0: until memory is full")
	who.add(cmd)
	return cmd
}

// embedded runs the server until ctx is done.
func (a *App) embedded(ctx context.Context, listen string, who access, keep time.Duration, debug bool) error {
	level := slog.LevelWarn
	if debug {
		level = slog.LevelDebug
	}
	server, err := a.listen(ctx, listen, "--listen", who, embedded.Config{Retention: keep, Logger: slog.New(newConsole(a.Stderr, level))})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Stdout, "Redis with TimeSeries on %s, in memory only: its data is gone when it stops.\n"+
		"Try: %s INFO server\n", server.Addr(), redisCLI(server.Addr()))
	if err == nil {
		<-ctx.Done()
	}
	return fail(errors.Join(err, server.Close()))
}
