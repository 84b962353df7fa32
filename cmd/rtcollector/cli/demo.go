//go:build !core

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/top"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/plugins"
)

type demoFlags struct {
	redis    string
	web      string
	interval time.Duration
	duration time.Duration
	plain    bool
	access   accessFlags
}

func (a *App) demoCommand(c *commonFlags) *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the metrics of this host in a live view, with an embedded Redis and every input; needs no configuration",
		Args:  rejectArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.runDemo(cmd.Context(), f, c.debug) },
	}
	cmd.Flags().StringVar(&f.redis, "redis", "127.0.0.1:6390", "`address` of the embedded Redis")
	cmd.Flags().StringVar(&f.web, "web", config.DefaultWebListen, "`address` of the dashboard")
	cmd.Flags().DurationVar(&f.interval, "interval", time.Second, "time between two gathers")
	cmd.Flags().DurationVar(&f.duration, "for", 0, "stop after this `duration`; 0: run until q or Ctrl-C")
	cmd.Flags().BoolVar(&f.plain, "plain", false, "print plain lines instead of the live view")
	f.access.register(cmd)
	return cmd
}

// runDemo runs the whole system in one process. The view shows what is in Redis, not what is in the agent.
func (a *App) runDemo(ctx context.Context, f demoFlags, debug bool) error {
	if f.interval < plugins.MinInterval || f.duration < 0 {
		return fmt.Errorf("--interval must be at least %v, and --for not negative", plugins.MinInterval)
	}
	server, err := a.startEmbedded(ctx, f.redis, "--redis", f.access, embedded.Config{Retention: time.Hour})
	if err != nil {
		return err
	}
	defer server.Close()
	text, err := a.demoConfig(server.Addr(), f)
	if err != nil {
		return runtimeFailure(err)
	}
	cfg, err := config.Parse(ctx, "demo", []byte(text), a.configEnv())
	if err != nil {
		return runtimeFailure(err)
	}
	plain := f.plain || !a.canControlTerminal()
	logs := &recentLines{w: a.rawErr, keep: !plain}
	log := newLogFrom(slog.LevelWarn, logs, cfg, debug)
	ag, ac, err := a.newAgent(cfg, log)
	if err != nil {
		return err
	}
	dashboard, err := a.openDemoWeb(cfg, f, ac.Self, log)
	if err != nil {
		return err
	}
	if f.duration == 0 {
		f.duration = math.MaxInt64
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer time.AfterFunc(f.duration, cancel).Stop() // a deadline would be that of requests, which fail just before ctx ends
	client, err := openEmbedded(ctx, server)
	if err != nil {
		return runtimeFailure(err)
	}
	defer func() { _ = client.Close() }()
	running := make(chan error, 2)
	go func() { running <- ag.Run(ctx) }()
	go func() { running <- dashboard.server.Serve(ctx, dashboard.listener) }()
	began, host := time.Now(), hostname(cfg)
	intro := append(dashboard.intro(host), exampleCommands(server.Addr(), host, f.access.passwordFile)...)
	if plain {
		fmt.Fprintf(a.Stdout, "%s\nrtcollector demo: writes metrics of host %s to the embedded Redis on %s (in memory only)\n", strings.Join(intro, "\n"), host, server.Addr())
		err = printLines(ctx, a.Stdout, client, server, host, f.interval)
	} else {
		notes := func() []string { return append(intro[:len(intro):len(intro)], logs.lines()...) }
		err = a.showTop(ctx, client, top.Config{Host: host, Refresh: max(f.interval, minPlainInterval), Span: time.Minute, Notes: notes})
	}
	cancel()
	err = errors.Join(err, <-running, <-running)
	stats := server.Stats()
	fmt.Fprintf(a.Stdout, "%d samples in %d series were stored in %s.\nWith your own Redis: rtcollector init > config.yaml\n                     rtcollector run --config config.yaml\n",
		stats.Samples, stats.Series, time.Since(began).Round(time.Second))
	return runtimeFailure(err)
}

// maxLogLines is the number of log lines below the terminal view.
const maxLogLines = 3

// recentLines is the writer of the log: it passes lines on, or keeps the latest ones for the terminal view.
type recentLines struct {
	w    io.Writer
	keep bool

	mu     sync.Mutex
	latest []string
}

// Write implements io.Writer. It is called with one record.
func (l *recentLines) Write(p []byte) (int, error) {
	if !l.keep {
		return l.w.Write(p)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	line, _, _ := strings.Cut(strings.TrimSpace(string(p)), "\n")
	l.latest = append(l.latest, line)
	l.latest = l.latest[max(0, len(l.latest)-maxLogLines):]
	return len(p), nil
}

// lines returns the latest lines, the oldest first.
func (l *recentLines) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.latest)
}

// demoSettings returns the inputs that only the demo starts without being asked, because their series are too many for a first configuration.
// They do not use eBPF, so that they are the same for every user.
func demoSettings() map[string]string {
	return map[string]string{"process_groups": "{source: proc}", "process_top": "{source: proc}"}
}

// demoConfig returns a configuration as a user would write it, with every input of this system and the embedded server.
func (a *App) demoConfig(addr string, f demoFlags) (string, error) {
	var b strings.Builder
	password := ""
	if f.access.passwordFile != "" {
		dir, name, err := f.access.locatePasswordFile()
		if err != nil {
			return "", fmt.Errorf("--password-file: %w", err)
		}
		fmt.Fprintf(&b, "secret_store: {type: file, dir: %q}\n", dir)
		password = fmt.Sprintf(", password: %q", secret.Prefix+name)
	}
	fmt.Fprintf(&b, "interval: %s\ninputs:\n", f.interval)
	for _, d := range a.Inputs.For(a.GOOS) {
		switch settings, ok := demoSettings()[d.Name()]; {
		case ok && d.Runs(a.GOOS):
			fmt.Fprintf(&b, "  - %s: %s\n", d.Name(), settings)
		case d.Starts(a.GOOS):
			fmt.Fprintf(&b, "  - %s\n", d.Name())
		}
	}
	host, port, _ := net.SplitHostPort(addr)
	fmt.Fprintf(&b, "outputs:\n  - redistimeseries: {host: %q, port: %s, retention: 1h%s}\n", host, port, password)
	fmt.Fprintf(&b, "  - redissearch: {host: %q, port: %s, ttl: 1h%s}\n", host, port, password)
	return b.String(), nil
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
