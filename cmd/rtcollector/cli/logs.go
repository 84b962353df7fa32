//go:build !core

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/logquery"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	// defaultLast is the number of lines without --last, --since and --until.
	defaultLast = 100

	// unsetNumber is the value of --last when the flag is absent.
	unsetNumber = math.MinInt
)

type logsFlags struct {
	eventsFlags
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
		Short: "Show log lines and other events that are stored in Redis or a file",
		Long: `Shows log lines and other events from the search index in Redis or from an SQLite file, oldest first.

  rtcollector logs --since 1h --severity warn..         warnings and worse of the last hour
  rtcollector logs --follow --host web-1 --app sshd     recent and new lines, until Ctrl-C
  rtcollector logs --words refused,conn* -n 20          the last 20 lines with these words

The command reads from the output redissearch or sqlite of the configuration, from the Redis that --redis names, or from the file that
--sqlite names.`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runLogs(cmd.Context(), *c, f) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "keep printing new lines as they arrive")
	flags.StringVar(&f.since, "since", "", "show lines from this `time` on: "+logquery.TimeFormats)
	flags.StringVar(&f.until, "until", "", "show lines up to this `time`, in the same formats")
	flags.StringVar(&f.severity, "severity", "", "`range` of severities: warn (only warnings), warn.. (warnings and worse), info..error, ..notice (notices and milder)")
	flags.StringSliceVar(&f.hosts, "host", nil, "only lines of this `host`; comma-separated; web* matches a prefix and is applied to the lines that the other filters return")
	flags.StringSliceVar(&f.apps, "app", nil, "only lines of this `program`; comma-separated, with prefixes as in --host")
	flags.StringSliceVar(&f.sources, "source", nil, "only lines that this `input` collected: syslog, exec …; those of process_top (snapshots of processes) are shown only with it")
	flags.StringSliceVar(&f.words, "words", nil, "only lines with all of these `words`, which the index finds; comma-separated; conn* matches a prefix")
	flags.StringVar(&f.grep, "grep", "", "only lines with this `text`, in upper or lower case; reads all lines that the other filters return")
	flags.IntVarP(&f.last, "last", "n", unsetNumber, "only the last `n` lines; 0: only new ones (with --follow); default: 100, or all with --since or --until")
	flags.Lookup("last").DefValue = "0" // is not printed
	flags.BoolVar(&f.json, "json", false, "print the stored documents as JSON, one per line")
	flags.BoolVar(&f.fields, "fields", false, "print all fields after the message")
	f.addTo(cmd)
	flags.BoolVar(&f.noPager, "no-pager", false, "print directly, not through $PAGER or less")
	return cmd
}

func (a *App) runLogs(ctx context.Context, c commonFlags, f logsFlags) error {
	q, err := f.buildQuery(time.Now())
	if err != nil {
		return err
	}
	reader, _, err := a.newEventReader(ctx, c, f.eventsFlags, false)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	w, finish := a.openPager(f)
	p := &eventPrinter{w: bufio.NewWriter(w), json: f.json, fields: f.fields, colours: a.useColours() && !f.json, zone: time.Local}
	if f.last == 0 {
		p.StartAt(time.Now())
	} else {
		err = p.printFound(ctx, reader, q)
	}
	if err == nil && f.follow {
		err = p.follow(ctx, reader, q, a.Stderr)
	}
	err = errors.Join(err, finish())
	if isOutputError(err) {
		return err
	}
	if err == nil && p.printed == 0 && !f.follow {
		fmt.Fprintln(a.Stderr, "no lines")
	}
	return runtimeFailure(err)
}

// buildQuery returns the query that the flags describe. Relative times are relative to now.
func (f *logsFlags) buildQuery(now time.Time) (q outputs.EventQuery, err error) {
	q = outputs.EventQuery{Hosts: f.hosts, Apps: f.apps, Sources: f.sources, Words: f.words, Text: f.grep, Last: f.last, To: telemetry.Debug}
	q.NotSources = logquery.Hidden(f.sources)
	if f.last < 0 && f.last != unsetNumber {
		return q, errors.New("--last must not be negative")
	}
	if q.Since, err = logquery.ParseTime(f.since, now); err != nil {
		return q, fmt.Errorf("--since: %w", err)
	}
	if q.Until, err = logquery.ParseTime(f.until, now); err != nil {
		return q, fmt.Errorf("--until: %w", err)
	}
	if q.From, q.To, err = logquery.ParseSeverities(f.severity); err != nil {
		return q, fmt.Errorf("--severity: %w", err)
	}
	if f.follow && !q.Until.IsZero() {
		return q, errors.New("--follow never ends: leave out --until")
	}
	if !q.Until.IsZero() && q.Since.After(q.Until) {
		return q, errors.New("--since is later than --until")
	}
	if q.Last == unsetNumber {
		q.Last = 0
		if q.Since.IsZero() && q.Until.IsZero() {
			q.Last = defaultLast
		}
	}
	return q, nil
}

// useColours reports whether stdout is a terminal and NO_COLOR is not set (https://no-color.org).
func (a *App) useColours() bool {
	noColor, _ := a.Getenv("NO_COLOR")
	return noColor == "" && isTerminal(a.Stdout)
}

// eventPrinter prints each event once, as a line for people or as JSON.
type eventPrinter struct {
	w       *bufio.Writer
	json    bool
	fields  bool
	colours bool
	zone    *time.Location
	printed int
	logquery.Follower
}

// printFound prints the events that a query finds and that were not printed before.
func (p *eventPrinter) printFound(ctx context.Context, r outputs.EventReader, q outputs.EventQuery) error {
	err := r.ReadEvents(ctx, q, p.printEvent)
	if q.Last > 0 && p.printed >= q.Last {
		p.StartAtOldest() // --last leaves out older events
	}
	return errors.Join(err, p.w.Flush())
}

func (p *eventPrinter) printEvent(e outputs.FoundEvent) error {
	if !p.MarkSeen(e.ID, e.Document.Int(eventdoc.Timestamp)) {
		return nil
	}
	p.printed++
	var line []byte
	if p.json {
		line = append(terminal.JSON.Append(nil, e.Document.AppendJSON(nil)), '\n')
	} else {
		line = p.formatEvent(e.Document)
	}
	_, err := p.w.Write(line)
	return err
}

// openPager returns the writer for lines, and a function that waits until the user has read them. It is a pager if stdin and
// stdout are terminals, and stdout otherwise.
func (a *App) openPager(f logsFlags) (w io.Writer, finish func() error) {
	if f.noPager || f.follow || f.json || !isTerminal(a.Stdout) || !term.IsTerminal(int(os.Stdin.Fd())) {
		return a.rawOut, func() error { return nil }
	}
	return a.startPager()
}
