//go:build !core

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/connections"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/logquery"
	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/internal/units"
	"github.com/rtcollector/rtcollector/outputs"
)

// defaultReport is the time of a report without --since, --until and --latest.
const defaultReport = 24 * time.Hour

type reportFlags struct {
	eventsFlags
	since, until string
	latest, json bool
	top          int
}

func (a *App) reportCommand(c *commonFlags) *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Sum up the connections of a time by provider, domain, process and port",
		Long: `Sums up what the input connections has seen: connections, bytes, durations and alerts by provider, domain, process and port. It ends with
what deserves a look: destinations that are new since the last report, the longest connections, and those with the most bytes.

  rtcollector report                                    the last 24 hours
  rtcollector report --since yesterday --until today    yesterday
  rtcollector report --latest --sqlite events.db        the last run, from a file

The command reads from the output sqlite or redissearch of the configuration, from the Redis that --redis names, or from the file that --sqlite
names. What reports have seen is kept in $XDG_STATE_HOME/rtcollector/reports.json (else ~/.local/state/…).`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runReport(cmd.Context(), *c, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.since, "since", "", "from this `time` on: "+logquery.TimeFormats+"; default: 24h")
	flags.StringVar(&f.until, "until", "", "up to this `time`, in the same formats")
	flags.BoolVar(&f.latest, "latest", false, "the latest run of the input, instead of a time")
	flags.IntVar(&f.top, "top", 10, "the `number` of lines in each list")
	flags.BoolVar(&f.json, "json", false, "print JSON; times in milliseconds since 1970, durations in milliseconds")
	f.addTo(cmd)
	return cmd
}

func (a *App) runReport(ctx context.Context, c commonFlags, f reportFlags) error {
	now := time.Now()
	q, err := f.buildQuery(now)
	if err != nil {
		return err
	}
	reader, name, err := a.newEventReader(ctx, c, f.eventsFlags, true)
	if err != nil {
		return err
	}
	store := connections.NewStore(reader)
	defer func() { _ = store.Close() }()
	memory := a.openMemory()
	var last connections.Seen
	if memory != nil {
		last = memory.Get(name)
	}
	report, err := connections.NewReport(ctx, store, q, last)
	if err != nil {
		return runtimeFailure(err)
	}
	if err := a.printConnections(report, f.json); err != nil {
		return runtimeFailure(err)
	}
	if memory == nil || q.Latest || !q.Until.IsZero() {
		return nil
	}
	if err := memory.Keep(name, store, report, now); err != nil {
		fmt.Fprintf(a.Stderr, "warning: %v; the next report cannot tell what is new\n", err)
	}
	return nil
}

// buildQuery returns what the flags describe.
func (f *reportFlags) buildQuery(now time.Time) (q connections.Query, err error) {
	if f.top < 1 {
		return q, errors.New("--top must be at least 1")
	}
	if f.latest && (f.since != "" || f.until != "") {
		return q, errors.New("--latest is a time of its own: leave out --since and --until")
	}
	q = connections.Query{Latest: f.latest, Top: f.top}
	if q.ConnectionQuery, err = parseSpan(f.since, f.until, now); err != nil {
		return q, err
	}
	if q.Since.IsZero() && !f.latest {
		q.Since = now.Add(-defaultReport)
		if !q.Until.IsZero() {
			q.Since = q.Until.Add(-defaultReport)
		}
	}
	return q, nil
}

// parseSpan parses the flags --since and --until.
func parseSpan(since, until string, now time.Time) (q outputs.ConnectionQuery, err error) {
	if q.Since, err = logquery.ParseTime(since, now); err != nil {
		return q, fmt.Errorf("--since: %w", err)
	}
	if q.Until, err = logquery.ParseTime(until, now); err != nil {
		return q, fmt.Errorf("--until: %w", err)
	}
	if !q.Until.IsZero() && q.Since.After(q.Until) {
		return q, errors.New("--since is later than --until")
	}
	return q, nil
}

// openMemory opens what earlier reports have seen. It returns nil if there is no place for it.
func (a *App) openMemory() *connections.Memory {
	folder, _ := a.Getenv("XDG_STATE_HOME")
	if folder == "" && a.GOOS == "windows" {
		folder, _ = a.Getenv("LocalAppData")
	} else if home, _ := a.Getenv("HOME"); folder == "" && home != "" {
		folder = filepath.Join(home, ".local", "state")
	}
	if folder == "" {
		return nil
	}
	memory, err := connections.OpenMemory(filepath.Join(folder, "rtcollector", "reports.json"))
	if err != nil {
		fmt.Fprintf(a.Stderr, "warning: %v\n", err)
	}
	return memory
}

func (a *App) printConnections(r *connections.Report, asJSON bool) error {
	if asJSON {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = a.rawOut.Write(append(terminal.JSON.Append(nil, text), '\n'))
		return err
	}
	if r.IsEmpty() {
		fmt.Fprintln(a.Stderr, "no events of connections in this time; the input connections makes them")
		return nil
	}
	p := &reportPrinter{w: a.Stdout}
	p.printHead(r)
	p.printList("PROVIDER", r.Providers)
	p.printList("DOMAIN", r.Domains)
	p.printList("PROCESS", r.Processes)
	p.printList("PORT", r.Ports)
	p.printNotable(r)
	return p.err
}

// reportPrinter prints a report for people and keeps the first error.
type reportPrinter struct {
	w   io.Writer
	err error
}

func (p *reportPrinter) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *reportPrinter) printHead(r *connections.Report) {
	p.printf("connections since %s", localTime(r.Since))
	if !r.Until.IsZero() {
		p.printf(" until %s", localTime(r.Until))
	}
	if r.Run.ID != "" {
		p.printf(", run %s", terminal.Line(r.Run.ID))
	}
	if r.Run.Session != "" {
		p.printf(", session %s", terminal.Line(r.Run.Session))
	}
	t := r.Whole
	p.printf("\nopened %d, failed %d, closed %d, alerts %d, sent %s, received %s\n", t.Opened, t.Failed, t.Closed, t.Alerts, bytesText(t.TxBytes), bytesText(t.RxBytes))
	if t.Timed > 0 {
		p.printf("duration: mean %s, longest %s, together %s\n", durationText(t.Mean()), durationText(t.Longest), units.Duration(float64(t.Micros)/1e6))
	}
}

func localTime(t time.Time) string {
	if t.IsZero() {
		return "the beginning"
	}
	return t.Local().Format("2006-01-02 15:04")
}

func bytesText(n int64) string { return units.Bytes(float64(n)) }

func durationText(d time.Duration) string { return units.Duration(d.Seconds()) }

func (p *reportPrinter) printList(title string, l connections.List) {
	p.printf("\n")
	tw := tabwriter.NewWriter(p.w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(tw, "%s\tOPENED\tFAILED\tALERTS\tSENT\tRECEIVED\tMEAN\tLONGEST\tTOGETHER\n", title)
	for _, line := range l.Lines {
		mean, longest, together := "–", "–", "–"
		if line.Timed > 0 {
			mean, longest, together = durationText(line.Mean()), durationText(line.Longest), units.Duration(float64(line.Micros)/1e6)
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\n", nameText(line.Name), line.Opened, line.Failed, line.Alerts, bytesText(line.TxBytes), bytesText(line.RxBytes),
			mean, longest, together)
	}
	if err := tw.Flush(); p.err == nil {
		p.err = err
	}
	if l.More > 0 {
		p.printf("… and %d more (--top)\n", l.More)
	}
}

// nameText returns a name for a table, at most as long as a line can take.
func nameText(name string) string {
	if name == "" {
		return "(none)"
	}
	const most = 60
	if text := []rune(name); len(text) > most {
		name = string(text[:most-1]) + "…"
	}
	return terminal.Line(name)
}

func (p *reportPrinter) printNotable(r *connections.Report) {
	p.printf("\nwhat deserves a look\n")
	switch {
	case !r.KnowsNew && r.Until.IsZero():
		p.printf("  new destinations: from the next report on\n")
	case !r.KnowsNew:
	case len(r.New) == 0:
		p.printf("  new destinations since %s: none\n", localTime(r.NewSince))
	default:
		names := make([]string, 0, len(r.New))
		for _, name := range r.New {
			names = append(names, nameText(name))
		}
		more := ""
		if r.NewMore > 0 {
			more = fmt.Sprintf(" and %d more", r.NewMore)
		}
		p.printf("  new destinations since %s: %s%s\n", localTime(r.NewSince), strings.Join(names, ", "), more)
	}
	if r.Whole.Alerts > 0 {
		p.printf("  alerts: %d; \"rtcollector export --event alert\" prints them\n", r.Whole.Alerts)
	}
	for _, n := range r.Longest {
		p.printf("  longest: %s, %s\n", groupText(n.Group), durationText(n.Longest))
	}
	for _, n := range r.MostBytes {
		p.printf("  most bytes: %s, %s sent and %s received\n", groupText(n.Group), bytesText(n.TxBytes), bytesText(n.RxBytes))
	}
}

// groupText describes a group: "curl to a.example port 443/tcp".
func groupText(g connlog.Group) string {
	way := "to"
	if g.Direction == connlog.In {
		way = "from"
	}
	return fmt.Sprintf("%s %s %s port %d/%s", nameText(g.Process), way, nameText(g.Destination), g.Port, terminal.Line(g.Proto))
}
