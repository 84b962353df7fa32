package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// defaultLast is how many lines are shown when nothing else is asked for.
	defaultLast = 100

	// notGiven is a number that nobody has asked for.
	notGiven = math.MinInt
)

type logsFlags struct {
	redis, index, output string
	since, until         string
	severity             string
	hosts, apps, sources []string
	words                []string
	grep                 string
	last                 int
	follow, json, fields bool
	noPager              bool
}

func (a *App) logsCommand(c *commonFlags) *cobra.Command {
	var f logsFlags
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Show log lines and other events that are in Redis",
		Long: `Shows log lines and other events from the search index in Redis, the oldest first.

  rtcollector logs --since 1h --severity warn..         warnings and worse of the last hour
  rtcollector logs --follow --host web-1 --app sshd     what comes in, until Ctrl-C
  rtcollector logs --words refused,conn* -n 20          the last 20 lines with these words

Where Redis is says the output redissearch of the configuration, or --redis.`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.logs(cmd.Context(), *c, f) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with what comes in")
	flags.StringVar(&f.since, "since", "", "from this `time` on: 15m, 2h, 7d ago, 2026-11-25, \"2026-11-25 19:00\", 19:00 or RFC 3339")
	flags.StringVar(&f.until, "until", "", "up to this `time`")
	flags.StringVar(&f.severity, "severity", "", "`range`: warn (only these), warn.. (these and worse), info..error, ..notice (these and milder)")
	flags.StringSliceVar(&f.hosts, "host", nil, "only from this `host`; several with commas, web* for all that begin so, which are looked for in all that the rest finds")
	flags.StringSliceVar(&f.apps, "app", nil, "only from this `program`, with commas and * likewise")
	flags.StringSliceVar(&f.sources, "source", nil, "only what this `input` collected: syslog, exec …")
	flags.StringSliceVar(&f.words, "words", nil, "only lines with these `words`, found by the index; conn* for all that begin so, likewise")
	flags.StringVar(&f.grep, "grep", "", "only lines with this `text`, in capitals or not; goes through all lines that the rest finds")
	flags.IntVarP(&f.last, "last", "n", notGiven, "only the last `n` lines, 0: only those to come; default: 100, or all with --since or --until")
	flags.Lookup("last").DefValue = "0" // is not printed
	flags.BoolVar(&f.json, "json", false, "print documents as they are stored, one a line")
	flags.BoolVar(&f.fields, "fields", false, "print all fields behind the message")
	flags.StringVar(&f.redis, "redis", "", "`address` of Redis, host:port or a URL; default: as the configuration says")
	flags.StringVar(&f.index, "index", "", "with --redis, the `name` of its index; default: logs_idx")
	flags.StringVar(&f.output, "output", "", "`name` of the output in the configuration, if there are several redissearch")
	flags.BoolVar(&f.noPager, "no-pager", false, "print at once, not into $PAGER or less")
	return cmd
}

func (a *App) logs(ctx context.Context, c commonFlags, f logsFlags) error {
	q, err := f.query(time.Now())
	if err != nil {
		return err
	}
	reader, err := a.eventReader(ctx, c, f)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	w, finish := a.pager(f)
	p := &printer{w: bufio.NewWriter(w), json: f.json, fields: f.fields, colours: a.colourful() && !f.json, zone: time.Local}
	if f.last == 0 {
		p.from = time.Now().UnixMilli()
	} else {
		err = p.show(ctx, reader, q)
	}
	if err == nil && f.follow {
		err = p.follow(ctx, reader, q, a.Stderr)
	}
	err = errors.Join(err, finish())
	if isOutputError(err) {
		return err
	}
	if err == nil && p.lines == 0 && !f.follow {
		fmt.Fprintln(a.Stderr, "no lines")
	}
	return runtimeFailure(err)
}

// query turns the flags into what is asked for.
func (f *logsFlags) query(now time.Time) (q outputs.EventQuery, err error) {
	q = outputs.EventQuery{Hosts: f.hosts, Apps: f.apps, Sources: f.sources, Words: f.words, Text: f.grep, Last: f.last, To: telemetry.Debug}
	if f.last < 0 && f.last != notGiven {
		return q, errors.New("--last must not be negative")
	}
	if q.Since, err = parseWhen(f.since, now); err != nil {
		return q, fmt.Errorf("--since: %w", err)
	}
	if q.Until, err = parseWhen(f.until, now); err != nil {
		return q, fmt.Errorf("--until: %w", err)
	}
	if q.From, q.To, err = parseSeverities(f.severity); err != nil {
		return q, fmt.Errorf("--severity: %w", err)
	}
	if f.follow && !q.Until.IsZero() {
		return q, errors.New("--follow has no end: leave out --until")
	}
	if !q.Until.IsZero() && q.Since.After(q.Until) {
		return q, errors.New("--since is later than --until")
	}
	if f.index != "" && f.redis == "" {
		return q, errors.New("--index goes with --redis; else the configuration says where the index is")
	}
	if q.Last == notGiven {
		q.Last = 0
		if q.Since.IsZero() && q.Until.IsZero() {
			q.Last = defaultLast
		}
	}
	return q, nil
}

// eventReader returns a reader for the events of an output in the configuration, or at the address that the flags give.
func (a *App) eventReader(ctx context.Context, c commonFlags, f logsFlags) (outputs.EventReader, error) {
	cfg, err := a.logsConfig(ctx, c, f)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, o := range cfg.Outputs {
		source, ok := o.Built.Config.(outputs.EventSource)
		if !ok {
			continue
		}
		if known = append(known, o.ID); f.output == "" || f.output == o.ID {
			return source.NewEventReader(cfg.Secrets), nil
		}
	}
	if f.output != "" && len(known) > 0 {
		return nil, &failure{exitUsage, fmt.Errorf("no output %q stores events that can be read; there are %s", f.output, strings.Join(known, ", "))}
	}
	return nil, &failure{exitUsage, errors.New("the configuration has no output redissearch, which log lines are read from; add one, or name a Redis with --redis")}
}

// logsConfig loads the configuration, or makes one for the address that was given.
func (a *App) logsConfig(ctx context.Context, c commonFlags, f logsFlags) (*config.Config, error) {
	switch {
	case f.redis == "":
		cfg, _, err := a.load(ctx, c.config)
		return cfg, err
	case c.config != "":
		return nil, &failure{exitUsage, errors.New("--redis takes nothing from a configuration: leave out one of --redis and --config")}
	}
	url := f.redis
	if !strings.Contains(url, "://") {
		url = "redis://" + url
	}
	settings := fmt.Sprintf("url: %q", url)
	if f.index != "" {
		settings += fmt.Sprintf(", index: %q", f.index)
	}
	cfg, err := config.Parse(ctx, "--redis", fmt.Appendf(nil, "inputs: []\noutputs:\n  - redissearch: {%s}\n", settings), a.configEnv())
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	return cfg, nil
}

// colourful says whether the output is looked at by a person who has not said otherwise: https://no-color.org.
func (a *App) colourful() bool {
	no, _ := a.Getenv("NO_COLOR")
	return no == "" && isTerminal(a.Stdout)
}

// printer prints events.
type printer struct {
	w       *bufio.Writer
	json    bool
	fields  bool
	colours bool
	zone    *time.Location
	lines   int
	follower
}

// show prints what a query finds.
func (p *printer) show(ctx context.Context, r outputs.EventReader, q outputs.EventQuery) error {
	err := r.ReadEvents(ctx, q, p.print)
	if q.Last > 0 && p.lines >= q.Last {
		p.from = p.oldest // what is older is not wanted
	}
	return errors.Join(err, p.w.Flush())
}

func (p *printer) print(e outputs.FoundEvent) error {
	if !p.note(e.ID, e.Document.Int(eventdoc.Timestamp)) {
		return nil
	}
	p.lines++
	var line []byte
	if p.json {
		line = append(terminal.JSON.Append(nil, e.Document.AppendJSON(nil)), '\n')
	} else {
		line = p.line(e.Document)
	}
	_, err := p.w.Write(line)
	return err
}

// pager returns where lines go, and what waits until they were read: $PAGER or less if a person looks at a terminal.
func (a *App) pager(f logsFlags) (w io.Writer, finish func() error) {
	if f.noPager || f.follow || f.json || !isTerminal(a.Stdout) || !term.IsTerminal(int(os.Stdin.Fd())) {
		return a.rawOut, func() error { return nil }
	}
	return a.startPager()
}
