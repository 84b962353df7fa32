//go:build !core

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/observe"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
)

// exitAlert is the exit code of observe if there was an alert of a kind in --fail-on.
const exitAlert = 3

type observeFlags struct {
	preset    string
	pids      []int
	once      bool
	json      bool
	logFile   string
	sqlite    string
	session   string
	interval  time.Duration
	overrides observe.Preset // of the flags that were given; the others are of the preset
	duration  time.Duration  // --alert-duration
	command   []string
}

func (a *App) observeCommand(c *commonFlags) *cobra.Command {
	var f observeFlags
	cmd := &cobra.Command{
		Use:   "observe [flags] [-- COMMAND [ARGUMENT…]]",
		Short: "Watch which processes of this host talk to which remote ends",
		Long: `Watches processes and what they start, and shows their connections as they are made: AI command-line tools, or any others.

  rtcollector observe                                        claude, codex and gemini
  rtcollector observe --pattern git --pattern npm --view domain
  rtcollector observe --pid 4711 --json > connections.jsonl
  rtcollector observe --preset ci --fail-on unknown_domain,domains --alert-domain '*.example.net' -- make test

With a COMMAND, only this command and what it starts are watched. It begins when the observer is ready. The exit status is that
of the command, or 3 if the command succeeded but there was an alert of a kind in --fail-on.

Presets are live (the default), quiet, verbose, audit, ci, and the files $XDG_CONFIG_HOME/rtcollector/presets/NAME.yaml.
Watching needs Linux; all processes and short connections are seen as root.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && cmd.ArgsLenAtDash() != 0 {
				return fmt.Errorf("unknown argument %q; a command to run comes after --", args[0])
			}
			f.command = args
			return a.runObserve(cmd, f, c.debug)
		},
	}
	flags, o := cmd.Flags(), &f.overrides
	flags.StringVar(&f.preset, "preset", "live", "`name` of a preset: what is watched and shown")
	flags.StringSliceVar(&o.Patterns, "pattern", nil, "watch processes whose name or command line contains this `text`; can be repeated; \"\": every process")
	flags.StringSliceVar(&o.Exclude, "exclude", nil, "do not watch processes that contain this `text`")
	flags.IntSliceVar(&f.pids, "pid", nil, "watch the process with this `number`; without --pattern only this one")
	flags.BoolVar(&f.once, "once", false, "print the connections that are open now, then exit")
	flags.BoolVar(&f.json, "json", false, "print all events as JSON, one per line")
	flags.StringVar(&f.logFile, "log-file", "", "append all events to this `file`, as JSON lines")
	flags.StringVar(&o.LogDir, "log-dir", "", "write all events to a new file in this `directory`")
	flags.StringVar(&f.sqlite, "sqlite", "", "store all events in this SQLite `file`, for report and export")
	flags.StringVar(&f.session, "session", "", "`name` of this run, in every event")
	flags.DurationVar(&f.interval, "interval", time.Second, "time between two looks at the sockets, where the kernel does not report connections")
	flags.StringVar(&o.Source, "source", "", "auto, ebpf or poll: where connections are seen")
	flags.StringVar(&o.Domains, "domains", "", "ptr, capture or off: where the names of remote ends are from")
	flags.BoolVar(&o.Listening, "listening", false, "also show sockets that wait for connections")
	flags.StringVar(&o.View, "view", "", "provider, domain, port or process: what the bars stand for")
	flags.StringVar(&o.Theme, "theme", "", "default, colour-blind or mono")
	flags.BoolVar(&o.Bell, "bell", false, "ring the terminal's bell for each alert")
	flags.StringSliceVar(&o.Alerts.Domains, "alert-domain", nil, "alert about remote ends with a name that matches this `glob`")
	flags.BoolVar(&o.Alerts.UnknownDomain, "alert-unknown-domain", false, "alert about remote ends without a name")
	flags.IntVar(&o.Alerts.MaxConnections, "alert-max", 0, "alert about more than `n` connections at the same time")
	flags.IntVar(&o.Alerts.MaxPerProvider, "alert-max-per-provider", 0, "alert about more than `n` connections of one provider at the same time")
	flags.DurationVar(&f.duration, "alert-duration", 0, "alert about connections that are open for longer")
	flags.StringSliceVar(&o.FailOn, "fail-on", nil, "exit with status 3 after an alert of these `kinds`: "+strings.Join(observe.AlertKinds(), ", "))
	return cmd
}

// runObserve runs an agent with the input connections and shows its events.
func (a *App) runObserve(cmd *cobra.Command, f observeFlags, debug bool) error {
	p, err := a.presetOf(cmd, f)
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("observe: %w", err)}
	}
	if a.GOOS != "linux" {
		return &failure{exitUsage, fmt.Errorf("observe: connections can be watched on Linux only, not on %s; report and export work here", a.GOOS)}
	}
	child, err := newHeldChild(f.command)
	if err != nil {
		return err
	}
	defer child.abandon()
	if child != nil {
		f.pids = append(f.pids, child.pid())
	}
	s := &observation{app: a, flags: f, preset: p, board: observe.NewBoard(), child: child}
	return s.run(cmd.Context(), debug)
}

// presetOf returns the preset with the flags that were given.
func (a *App) presetOf(cmd *cobra.Command, f observeFlags) (*observe.Preset, error) {
	p, err := observe.LoadPreset(a.presetFiles(), f.preset)
	if err != nil {
		return nil, err
	}
	o, given := &f.overrides, func(flag string) bool { return cmd.Flags().Changed(flag) }
	for flag, take := range map[string]func(){
		"pattern": func() { p.Patterns = o.Patterns }, "exclude": func() { p.Exclude = o.Exclude }, "log-dir": func() { p.LogDir = o.LogDir },
		"source": func() { p.Source = o.Source }, "domains": func() { p.Domains = o.Domains }, "listening": func() { p.Listening = o.Listening },
		"view": func() { p.View = o.View }, "theme": func() { p.Theme = o.Theme }, "bell": func() { p.Bell = o.Bell },
		"alert-domain":           func() { p.Alerts.Domains = o.Alerts.Domains },
		"alert-unknown-domain":   func() { p.Alerts.UnknownDomain = o.Alerts.UnknownDomain },
		"alert-max":              func() { p.Alerts.MaxConnections = o.Alerts.MaxConnections },
		"alert-max-per-provider": func() { p.Alerts.MaxPerProvider = o.Alerts.MaxPerProvider },
		"alert-duration":         func() { p.Alerts.Duration = conf.Duration(f.duration) },
		"fail-on":                func() { p.FailOn = alertKinds(o.FailOn) },
		"json":                   func() { p.Output = observe.JSON },
	} {
		if given(flag) {
			take()
		}
	}
	if (len(f.pids) > 0 || len(f.command) > 0) && !given("pattern") {
		p.Patterns = nil // only these processes
	}
	p.Patterns = slices.DeleteFunc(p.Patterns, func(text string) bool { return text == "" })
	if p.Listening {
		p.Show = append(p.Show, "listen")
	}
	switch {
	case f.interval < plugins.MinInterval:
		return nil, fmt.Errorf("--interval must be at least %v", plugins.MinInterval)
	case f.once && len(f.command) > 0:
		return nil, errors.New("--once shows what is open now: leave out the command")
	case f.logFile != "" && given("log-dir"):
		return nil, errors.New("--log-file and --log-dir both name a place for events: leave out one")
	}
	return p, errors.Join(p.Validate(), completeAlerts(p))
}

// completeAlerts turns on what --fail-on names, and says what is missing for it: a gate that cannot close is worse than none.
func completeAlerts(p *observe.Preset) error {
	missing := map[string]string{}
	for _, kind := range p.FailOn {
		if p.Domains == "off" && (kind == "domains" || kind == "unknown_domain") {
			return fmt.Errorf("there are no alerts of the kind %q in --fail-on with --domains off", kind)
		}
		switch {
		case kind == "unknown_domain":
			p.Alerts.UnknownDomain = true
		case kind == "domains" && len(p.Alerts.Domains) == 0:
			missing[kind] = "--alert-domain"
		case kind == "max_connections" && p.Alerts.MaxConnections == 0:
			missing[kind] = "--alert-max"
		case kind == "max_per_provider" && p.Alerts.MaxPerProvider == 0:
			missing[kind] = "--alert-max-per-provider"
		case kind == "duration" && p.Alerts.Duration == 0:
			missing[kind] = "--alert-duration"
		}
	}
	for kind, flag := range missing {
		return fmt.Errorf("there are no alerts of the kind %q in --fail-on without %s", kind, flag)
	}
	return nil
}

// alertKinds returns kinds of alerts by what people call them: the one of domains is also "domain".
func alertKinds(names []string) []string {
	kinds := slices.Clone(names)
	for i, name := range kinds {
		if name == "domain" {
			kinds[i] = "domains"
		}
	}
	return kinds
}

// presetFiles returns the directory with the user's presets, or nil.
func (a *App) presetFiles() fs.FS {
	if dir, ok := a.Getenv("XDG_CONFIG_HOME"); ok && dir != "" {
		return os.DirFS(filepath.Join(dir, "rtcollector", "presets"))
	}
	if home, ok := a.Getenv("HOME"); ok && home != "" {
		return os.DirFS(filepath.Join(home, ".config", "rtcollector", "presets"))
	}
	return nil
}

// observation is one run of the command observe.
type observation struct {
	app    *App
	flags  observeFlags
	preset *observe.Preset
	board  *observe.Board
	child  *heldChild // nil: no command

	live bool // the view is shown
	feed *observe.Feed
	self *selfstat.Registry
}

// readyTimeout is how long the input may take until it sees connections. A command that nobody watches must not run.
const readyTimeout = 30 * time.Second

func (s *observation) run(ctx context.Context, debug bool) error {
	s.live = s.preset.Output == observe.Auto && s.child == nil && !s.flags.once && s.app.canControlTerminal()
	logs := &recentLines{w: s.app.rawErr, keep: s.live}
	ag, closeLog, err := s.newAgent(ctx, logs, debug)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	running := make(chan error, 1)
	agentCtx, stopAgent := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAgent()
	go func() { running <- ag.Run(agentCtx) }()
	status, err := s.watch(ctx, logs)
	stopAgent() // the input reports what is left, and the outputs are written out
	err = errors.Join(err, <-running, closeLog())
	s.finish()
	switch {
	case isOutputError(err):
		return err
	case err != nil:
		return runtimeFailure(err)
	case status != 0:
		return &failure{status, nil}
	case s.hasFailed():
		return &failure{exitAlert, nil}
	case len(s.preset.FailOn) > 0 && s.lost() > 0:
		return runtimeFailure(errors.New("observe: failed, because what was lost may have caused an alert"))
	}
	return nil
}

// newAgent returns an agent whose events go to the board, to stdout and to the log of this run.
func (s *observation) newAgent(ctx context.Context, logs *recentLines, debug bool) (ag *agent.Agent, closeLog func() error, err error) {
	cfg, err := config.Parse(ctx, "observe", []byte(s.configText()), s.app.configEnv())
	if err != nil {
		return nil, nil, &failure{exitUsage, err}
	}
	if s.flags.sqlite == "" {
		cfg.Outputs = nil
	}
	receivers := []func(*connlog.Event, eventdoc.Document) error{s.add}
	if !s.live {
		receivers = append(receivers, s.printer().Print)
	}
	closeLog = func() error { return nil }
	file, err := s.openLog()
	if err != nil {
		return nil, nil, runtimeFailure(err)
	}
	if file != nil {
		receivers = append(receivers, (&observe.Printer{W: file, JSON: true}).Print)
		closeLog = file.Close
	}
	s.feed = observe.NewFeed(receivers...)
	log := newLogFrom(slog.LevelWarn, logs, cfg, debug)
	ac := s.app.describeAgent(cfg, log, s.app.rawOut)
	ac.Outputs = append(ac.Outputs, agent.Output{ID: outputID, Build: func(telemetry.Slot) (outputs.Output, error) { return s.feed, nil }})
	s.self = ac.Self
	if ag, err = agent.New(ac); err != nil {
		return nil, nil, &failure{exitUsage, err}
	}
	return ag, closeLog, nil
}

// outputID is the output of the agent that feeds the view.
const outputID = "observe"

// add counts an event.
func (s *observation) add(e *connlog.Event, _ eventdoc.Document) error {
	s.board.Add(e)
	return nil
}

// printer returns the printer of lines. A command that is watched has stdout for itself.
func (s *observation) printer() *observe.Printer {
	show, _ := observe.ParseKinds(s.preset.Show) // was validated
	theme, _ := observe.ParseTheme(s.preset.Theme)
	p := &observe.Printer{
		W: s.app.rawOut, JSON: s.preset.Output == observe.JSON, Details: s.preset.Details, Theme: theme, Colours: s.app.useColours(),
		Show: show, Bell: s.preset.Bell && isTerminal(s.app.Stdout), Zone: time.Local,
	}
	if s.child != nil {
		p.W, p.Colours, p.Bell = s.app.rawErr, false, s.preset.Bell && isTerminal(s.app.Stderr)
	}
	if s.flags.once {
		p.Show &^= observe.ShowClose // they end with this command
	}
	return p
}

// watch shows events until there is nothing to wait for any more. It returns the status of the command.
func (s *observation) watch(ctx context.Context, logs *recentLines) (status int, err error) {
	if s.live {
		return 0, s.showView(ctx, logs)
	}
	if err := s.waitUntilReady(ctx); err != nil {
		return 0, err
	}
	switch {
	case s.child != nil:
		return s.child.run(ctx)
	case s.flags.once:
		return 0, s.waitForOpen(ctx)
	}
	if s.preset.Output != observe.JSON {
		fmt.Fprintf(s.app.Stderr, "observing %s until Ctrl-C\n", s.title())
	}
	<-ctx.Done()
	return 0, nil
}

func (s *observation) waitUntilReady(ctx context.Context) error {
	timeout := time.NewTimer(readyTimeout)
	defer timeout.Stop()
	select {
	case <-s.feed.Ready():
		return nil
	case <-ctx.Done():
		return nil
	case <-timeout.C:
		return fmt.Errorf("observe: connections cannot be watched, as the messages above say; gave up after %v, and ran nothing", readyTimeout)
	}
}

// nameTimeout is how long --once waits for the names of remote ends.
const nameTimeout = 5 * time.Second

// waitForOpen waits until every connection was reported that was open at the start. Their names are looked up first.
func (s *observation) waitForOpen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	return ignoreEnd(ctx, s.board.WaitFor(ctx, func(t *observe.Totals) bool { return t.Opened >= s.feed.OpenAtFirst() }))
}

// ignoreEnd returns nil for the error of a context that ended.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = nil
	}
	return err
}

func (s *observation) showView(ctx context.Context, logs *recentLines) error {
	show, _ := observe.ParseKinds(s.preset.Show) // was validated
	view, _ := observe.ParseView(s.preset.View)
	theme, _ := observe.ParseTheme(s.preset.Theme)
	return observe.Run(ctx, observe.Config{
		Board: s.board, Show: show, Group: view, Theme: theme, Bell: s.preset.Bell, Title: s.title(),
		Terminal: s.app.terminal(), Redact: s.app.redactor.Redact, Lost: s.lost, Notes: logs.lines,
	})
}

// lost returns how many events did not arrive: the kernel or a queue dropped them.
func (s *observation) lost() int64 {
	n := s.feed.Missed()
	for _, o := range s.self.Outputs() {
		if o.ID == outputID {
			n += o.Dropped.Load()
		}
	}
	return n
}

// title returns what is watched.
func (s *observation) title() string {
	if s.child != nil {
		return s.flags.command[0]
	}
	all := slices.Clone(s.preset.Patterns)
	for _, pid := range s.flags.pids {
		all = append(all, fmt.Sprintf("process %d", pid))
	}
	if len(all) == 0 {
		return "all processes"
	}
	return strings.Join(all, ", ")
}

// finish prints what was seen, and what was lost.
func (s *observation) finish() {
	w := s.app.Stdout
	if s.child != nil || s.preset.Output == observe.JSON {
		w = s.app.Stderr
	}
	if totals, _ := s.board.Read(observe.ByProvider); s.flags.once && totals.Opened == 0 && s.preset.Output != observe.JSON {
		fmt.Fprintf(s.app.Stderr, "no connections of %s are open\n", s.title())
	}
	if s.preset.Summary && !s.flags.once {
		_ = s.board.WriteSummary(w) // closeStreams reports the failure
	}
	if n := s.lost(); n > 0 {
		fmt.Fprintf(s.app.Stderr, "observe: %d events were lost; there may have been more connections\n", n)
	}
}

// hasFailed reports whether there was an alert of a kind in --fail-on, and prints that.
func (s *observation) hasFailed() (failed bool) {
	totals, _ := s.board.Read(observe.ByProvider)
	for _, kind := range s.preset.FailOn {
		if n := totals.ByAlert[kind]; n > 0 {
			fmt.Fprintf(s.app.Stderr, "observe: failed because of %d alerts of kind %s\n", n, kind)
			failed = true
		}
	}
	return failed
}

// openLog opens the file for the events of this run, or returns nil.
func (s *observation) openLog() (*os.File, error) {
	switch {
	case s.flags.logFile != "":
		return os.OpenFile(s.flags.logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	case s.preset.LogDir == "":
		return nil, nil
	}
	if err := os.MkdirAll(s.preset.LogDir, 0o700); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("observe-%s-%d.jsonl", time.Now().Format("20060102-150405"), os.Getpid())
	return os.OpenFile(filepath.Join(s.preset.LogDir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// flushInterval is how long events wait before they are shown.
const flushInterval = 100 * time.Millisecond

// configText returns a configuration as a user would write it.
func (s *observation) configText() string {
	p := s.preset
	var b strings.Builder
	fmt.Fprintf(&b, "interval: %s\nflush_interval: %s\ninputs:\n  - internal: {enabled: false}\n  - connections:\n", s.flags.interval, flushInterval)
	for _, setting := range []struct{ key, value string }{
		{"patterns", quoteList(p.Patterns)}, {"exclude_patterns", quoteList(p.Exclude)}, {"pids", strings.ReplaceAll(fmt.Sprint(s.flags.pids), " ", ", ")},
		{"listening", fmt.Sprint(p.Listening)}, {"source", quote(p.Source)}, {"domains", quote(p.Domains)}, {"session", quote(s.flags.session)},
	} {
		fmt.Fprintf(&b, "      %s: %s\n", setting.key, setting.value)
	}
	fmt.Fprintf(&b, "      alerts: {domains: %s, unknown_domain: %v, max_connections: %d, max_per_provider: %d, duration: %s, bell: %v}\n",
		quoteList(p.Alerts.Domains), p.Alerts.UnknownDomain, p.Alerts.MaxConnections, p.Alerts.MaxPerProvider, p.Alerts.Duration, p.Bell)
	if s.flags.sqlite != "" {
		fmt.Fprintf(&b, "outputs:\n  - sqlite: {path: %s}\n", quote(s.flags.sqlite))
	} else {
		b.WriteString("outputs: [stdout]\n") // a configuration needs one; newAgent removes it
	}
	return b.String()
}

// quote returns a text as a value in YAML that no variable replaces a part of.
func quote(text string) string { return strings.ReplaceAll(fmt.Sprintf("%q", text), "${", "$${") }

func quoteList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = quote(t)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
