//go:build !core

package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/top"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

type topFlags struct {
	redis, host, expr string
	interval          time.Duration
}

// minRefresh is the shortest time between two readings of the terminal view.
const minRefresh = 100 * time.Millisecond

func (a *App) topCommand(c *commonFlags) *cobra.Command {
	var f topFlags
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show hosts, one host or a PromQL expression in the terminal, from Redis",
		Long: `Shows what is in RedisTimeSeries: all hosts, one host, or the results of a PromQL expression.

  rtcollector top                                      the hosts that write to the Redis of the configuration
  rtcollector top --redis redis.lan --host web-1       one host
  rtcollector top --expr 'rate(net_rx_bytes[5m])'      an expression

The command reads from the output redistimeseries of the configuration, or from the Redis that --redis names.`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runTop(cmd.Context(), *c, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.redis, "redis", "", "`address` of Redis, host:port or a URL; default: the output of the configuration")
	flags.StringVar(&f.host, "host", "", "begin with this `host`")
	flags.StringVar(&f.expr, "expr", "", "begin with this PromQL `expression`")
	flags.DurationVar(&f.interval, "interval", 2*time.Second, "time between two readings")
	return cmd
}

func (a *App) runTop(ctx context.Context, c commonFlags, f topFlags) error {
	switch {
	case f.interval < minRefresh:
		return errors.New("--interval must be at least 100ms")
	case f.host != "" && f.expr != "":
		return errors.New("--host and --expr begin with different views: leave out one")
	case !a.canControlTerminal():
		return errors.New("top needs a terminal; for scripts, use the API of rtcollector web")
	}
	cfg, err := a.loadOrConnect(ctx, c, f.redis, redisOutput{name: "redistimeseries"})
	if err != nil {
		return err
	}
	client, err := openSeries(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	return runtimeFailure(a.showTop(ctx, client, top.Config{Host: f.host, Expr: f.expr, Refresh: f.interval, Span: 15 * time.Minute}))
}

// showTop shows the terminal view of a Redis until the user quits or ctx ends.
func (a *App) showTop(ctx context.Context, client *redisconn.Client, c top.Config) error {
	engine := query.New(client, query.Limits{})
	defer engine.Close()
	reader := tsread.New(client)
	defer reader.Close()
	c.Engine, c.Reader, c.Source = engine, reader, client.Addr
	c.Terminal, c.Redact = a.terminal(), a.redactor.Redact
	return top.Run(ctx, c)
}

// terminal returns where a terminal view is shown.
func (a *App) terminal() tui.Terminal {
	noColor, _ := a.Getenv("NO_COLOR")
	return tui.Terminal{Input: os.Stdin, Output: a.terminalOutput(), NoColours: noColor != ""}
}

// terminalOutput returns the file behind stdout, whose size the terminal view asks for.
func (a *App) terminalOutput() io.Writer {
	if f, ok := underlyingFile(a.rawOut); ok {
		return f
	}
	return a.rawOut
}

// canControlTerminal reports whether stdin and stdout are a terminal with cursor control.
func (a *App) canControlTerminal() bool {
	kind, _ := a.Getenv("TERM")
	return isTerminal(a.Stdout) && isTerminal(os.Stdin) && kind != "dumb"
}
