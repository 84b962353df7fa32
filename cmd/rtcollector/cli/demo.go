package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tsread"
	"github.com/rtcollector/rtcollector/plugins"
)

type demoFlags struct {
	redis    string
	interval time.Duration
	duration time.Duration
	plain    bool
	access   accessFlags
}

func (a *App) demoCommand(c *commonFlags) *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the metrics of this host in a live table, with an embedded Redis and every input; needs no configuration",
		Args:  rejectArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.runDemo(cmd.Context(), f, c.debug) },
	}
	cmd.Flags().StringVar(&f.redis, "redis", "127.0.0.1:6390", "`address` of the embedded Redis")
	cmd.Flags().DurationVar(&f.interval, "interval", time.Second, "time between two gathers")
	cmd.Flags().DurationVar(&f.duration, "for", 0, "stop after this `duration`; 0: run until q or Ctrl-C")
	cmd.Flags().BoolVar(&f.plain, "plain", false, "print plain lines instead of a live table")
	f.access.register(cmd)
	return cmd
}

// runDemo runs the whole system in one process. The table shows what is in Redis, not what is in the agent.
func (a *App) runDemo(ctx context.Context, f demoFlags, debug bool) error {
	if f.interval < plugins.MinInterval || f.duration < 0 {
		return fmt.Errorf("--interval must be at least %v, and --for not negative", plugins.MinInterval)
	}
	server, err := a.startEmbedded(ctx, f.redis, "--redis", f.access, embedded.Config{Retention: time.Hour})
	if err != nil {
		return err
	}
	defer server.Close()
	text, err := a.demoConfig(server.Addr(), f.interval, f.access)
	if err != nil {
		return runtimeFailure(err)
	}
	cfg, err := config.Parse(ctx, "demo", []byte(text), a.configEnv())
	if err != nil {
		return runtimeFailure(err)
	}
	screen := newScreen(a.rawOut, f.plain || !a.canDraw())
	screen.passwordFile = f.access.passwordFile
	ag, _, err := a.newAgent(cfg, newLogFrom(slog.LevelWarn, screen.logWriter(a.rawErr), cfg, debug))
	if err != nil {
		return err
	}
	if f.duration == 0 {
		f.duration = math.MaxInt64
	}
	ctx, cancel := context.WithTimeout(ctx, f.duration)
	defer cancel()
	running := make(chan error, 1)
	showErr := a.showWhileRunning(ctx, cancel, screen, server, hostname(cfg), f.interval, func(ctx context.Context) {
		defer screen.restoreOnPanic()
		running <- ag.Run(ctx)
	})
	err = errors.Join(showErr, <-running)
	screen.printSummary()
	return runtimeFailure(err)
}

// showWhileRunning shows the table while run works, until a key, a signal or the time ends the demo. It restores the terminal
// before run has ended, because that may take seconds and a second signal ends the process at once.
func (a *App) showWhileRunning(ctx context.Context, cancel func(), s *screen, server *embedded.Server, host string, every time.Duration, run func(context.Context)) error {
	defer cancel() // also if the table failed
	defer s.restoreTerminal()
	suspend := func() {}
	if !s.plain {
		s.keys = findKeyboard()
		suspend = s.handleSuspension(ctx)
	}
	go run(ctx)
	if err := s.start(host, server.Addr()); err != nil {
		return err
	}
	if s.keys != nil {
		go func() {
			defer s.restoreOnPanic()
			readKeys(s.keys, cancel, suspend)
		}()
	}
	return a.redrawUntilDone(ctx, s, server, host, every)
}

// canDraw reports whether stdout is a terminal with cursor control and the user did not opt out with NO_COLOR.
func (a *App) canDraw() bool {
	kind, _ := a.Getenv("TERM")
	noColor, _ := a.Getenv("NO_COLOR")
	return isTerminal(a.Stdout) && kind != "dumb" && noColor == ""
}

// demoConfig returns a configuration as a user would write it, with every input of this system and the embedded server.
func (a *App) demoConfig(addr string, interval time.Duration, access accessFlags) (string, error) {
	var b strings.Builder
	password := ""
	if access.passwordFile != "" {
		dir, name, err := access.locatePasswordFile()
		if err != nil {
			return "", fmt.Errorf("--password-file: %w", err)
		}
		fmt.Fprintf(&b, "secret_store: {type: file, dir: %q}\n", dir)
		password = fmt.Sprintf(", password: %q", secret.Prefix+name)
	}
	fmt.Fprintf(&b, "interval: %s\ninputs:\n", interval)
	for _, d := range a.Inputs {
		if d.Starts(a.GOOS) {
			fmt.Fprintf(&b, "  - %s\n", d.Name())
		}
	}
	host, port, _ := net.SplitHostPort(addr)
	fmt.Fprintf(&b, "outputs:\n  - redistimeseries: {host: %q, port: %s, retention: 1h%s}\n", host, port, password)
	return b.String(), nil
}

// redrawUntilDone redraws the table from Redis until ctx is done.
func (a *App) redrawUntilDone(ctx context.Context, screen *screen, server *embedded.Server, host string, every time.Duration) error {
	client, err := openEmbedded(ctx, server)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	reader := tsread.New(client)
	defer reader.Close()
	tick := time.NewTicker(max(every, 200*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		latest, err := readLatest(ctx, reader, host)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := screen.draw(latest, server.Stats()); err != nil {
			return err
		}
	}
}

// openEmbedded connects to the embedded server as any other client would.
func openEmbedded(ctx context.Context, server *embedded.Server) (*redisconn.Client, error) {
	host, port, err := net.SplitHostPort(server.Addr())
	if err != nil {
		return nil, err
	}
	config := redisconn.Defaults()
	config.Host = host
	if config.Port, err = strconv.Atoi(port); err != nil {
		return nil, err
	}
	if server.Password() != "" {
		config.Password = secret.Literal(server.Password())
	}
	return redisconn.Open(ctx, config.ForSearches(), nil)
}

// redisCLICommand returns the command line of redis-cli for an address.
func redisCLICommand(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "redis-cli"
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() || ip.Equal(net.IPv4(127, 0, 0, 1)) {
		return "redis-cli -p " + port
	}
	return "redis-cli -h " + host + " -p " + port
}
