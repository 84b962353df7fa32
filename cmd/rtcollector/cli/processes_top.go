//go:build !core

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/logquery"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/snapshots"
	"github.com/rtcollector/rtcollector/internal/proclog"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/internal/units"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	otherHosts     = 10 * time.Minute // how far before a snapshot those of other hosts are looked for
	maxOtherHosts  = 8                // that are named
	minCommand     = 20               // columns of the command line on a narrow terminal
	maxCellColumns = 24               // of other texts
)

type processesTopFlags struct {
	eventsFlags
	at, host, by, group string
	number              int
	json                bool
}

func (a *App) processesTopCommand(c *commonFlags) *cobra.Command {
	var f processesTopFlags
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show which processes ran at some time, from the stored snapshots",
		Long: `Shows the latest snapshot of processes at or before a time. The input process_top writes snapshots as events.

  rtcollector processes top                              now
  rtcollector processes top --at 03:12 --by rss          the last 03:12, by memory
  rtcollector processes top --at 2d --group web --json   two days ago, one group

The command reads from the output redissearch or sqlite of the configuration, from the Redis that --redis names, or from the file that
--sqlite names. Values are since the gather before the snapshot. A dash is a value that the agent could not read.`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runProcessesTop(cmd.Context(), *c, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.at, "at", "", "the `time`: "+logquery.TimeFormats+"; default: now")
	flags.StringVar(&f.host, "host", "", "the `host`; default: the one with the latest snapshot")
	flags.StringVar(&f.by, "by", "cpu", "`order`, the largest first: "+snapshots.Orders)
	flags.IntVarP(&f.number, "number", "n", 20, "the `number` of processes; 0: all")
	flags.StringVar(&f.group, "group", "", "only this `group`, or group/subgroup")
	flags.BoolVar(&f.json, "json", false, "print JSON; times in milliseconds since 1970")
	f.addTo(cmd)
	return cmd
}

func (a *App) runProcessesTop(ctx context.Context, c commonFlags, f processesTopFlags) error {
	now := time.Now()
	at, err := parseAt(f.at, now)
	switch {
	case err != nil:
		return fmt.Errorf("--at: %w", err)
	case at.After(now):
		return fmt.Errorf("--at: %s is in the future", localSecond(at))
	case !snapshots.IsOrder(f.by):
		return fmt.Errorf("--by must be %s, not %q", snapshots.Orders, f.by)
	case f.number < 0:
		return errors.New("-n must not be negative")
	}
	reader, _, err := a.newEventReader(ctx, c, f.eventsFlags, false)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	found, err := snapshots.Find(ctx, reader, f.host, at)
	if err != nil {
		return runtimeFailure(err)
	}
	if found == nil {
		return runtimeFailure(a.explainNoSnapshot(ctx, reader, f, at))
	}
	whole := len(found.Rows)
	if f.group != "" {
		found.Keep(f.group)
	}
	found.Sort(f.by)
	more := 0
	if f.number > 0 && len(found.Rows) > f.number {
		more = len(found.Rows) - f.number
		found.Rows = found.Rows[:f.number]
	}
	if f.json {
		return a.printSnapshotJSON(found, at)
	}
	if len(found.Rows) == 0 {
		fmt.Fprintf(a.Stderr, "no process of the group %s among the %d of the snapshot of %s at %s\n", terminal.Line(f.group), whole, terminal.Line(found.Host), localSecond(found.Time))
		return nil
	}
	var others []string
	if f.host == "" {
		if others, err = snapshots.Hosts(ctx, reader, at, otherHosts); err != nil {
			return runtimeFailure(err)
		}
		others = slices.DeleteFunc(others, func(host string) bool { return host == found.Host })
	}
	return runtimeFailure(a.printSnapshot(found, f, at, more, others))
}

// parseAt parses a time as [logquery.ParseTime] does. A time of day that is not reached yet is yesterday's; "" is now.
func parseAt(text string, now time.Time) (time.Time, error) {
	at, err := logquery.ParseTime(text, now)
	if err != nil || text == "" {
		return now, err
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if _, noClock := time.Parse(layout, text); noClock == nil && at.After(now) {
			return at.AddDate(0, 0, -1), nil
		}
	}
	return at, nil
}

func localSecond(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// explainNoSnapshot says what to do if there is no snapshot at or before a time.
func (a *App) explainNoSnapshot(ctx context.Context, r outputs.EventReader, f processesTopFlags, at time.Time) error {
	next, err := snapshots.FindNext(ctx, r, f.host, at)
	if err != nil {
		return err
	}
	of := ""
	if f.host != "" {
		of = " of the host " + terminal.Line(f.host)
	}
	fmt.Fprintf(a.Stderr, "no snapshot of processes%s at or before %s\n", of, localSecond(at))
	if !next.IsZero() {
		fmt.Fprintf(a.Stderr, "the first one after it is of %s\n", localSecond(next))
		return nil
	}
	fmt.Fprintln(a.Stderr, "the input process_top writes them: add \"process_top: {}\" to the inputs of the agent, and an output redissearch or sqlite")
	return nil
}

func (a *App) printSnapshotJSON(s *snapshots.Snapshot, at time.Time) error {
	text, err := json.Marshal(struct {
		Host  string          `json:"host"`
		Asked int64           `json:"asked"`
		Time  int64           `json:"time"`
		Rows  []snapshots.Row `json:"rows"`
	}{s.Host, at.UnixMilli(), s.Time.UnixMilli(), snapshots.Encode(s.Rows, 1000)})
	if err == nil {
		_, err = a.rawOut.Write(append(terminal.JSON.Append(nil, text), '\n'))
	}
	return runtimeFailure(err)
}

// printSnapshot prints a snapshot for people. More is the number of rows that were cut.
func (a *App) printSnapshot(s *snapshots.Snapshot, f processesTopFlags, at time.Time, more int, others []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "processes of %s at %s, %s\n\n", terminal.Line(s.Host), localSecond(s.Time), snapshotDistance(s.Time, at, f.at != ""))
	width := 0
	if file, ok := underlyingFile(a.Stdout); ok {
		width, _, _ = term.GetSize(int(file.Fd()))
	}
	writeProcesses(&b, processColumns(), s.Rows, width)
	if more > 0 {
		fmt.Fprintf(&b, "… and %d more (-n)\n", more)
	}
	if len(others) > 0 {
		for i := range others {
			others[i] = terminal.Line(others[i])
		}
		rest := ""
		if n := len(others) - maxOtherHosts; n > 0 {
			others, rest = others[:maxOtherHosts], fmt.Sprintf(" and %d more", n)
		}
		fmt.Fprintf(&b, "other hosts: %s%s (--host)\n", strings.Join(others, ", "), rest)
	}
	_, err := a.Stdout.Write([]byte(b.String()))
	return err
}

// snapshotDistance says how far a snapshot is from the time that was asked for.
func snapshotDistance(found, asked time.Time, isAsked bool) string {
	d := asked.Sub(found)
	switch {
	case !isAsked:
		return units.Age(d)
	case d < time.Second:
		return "the asked time"
	}
	return units.Duration(d.Truncate(time.Second).Seconds()) + " before the asked time"
}

// processColumn is one column of a table of processes.
type processColumn struct {
	title string
	right bool
	text  func(*proclog.Row) string // "": unknown
}

// processColumns returns the columns of a table of processes.
func processColumns() []processColumn {
	size := func(v float64) string { return formatKnown(v, units.Bytes) }
	rate := func(v float64) string {
		return formatKnown(v, func(v float64) string { return units.Format(v, "bytes_per_second") })
	}
	return []processColumn{
		{"PID", true, func(r *proclog.Row) string { return strconv.Itoa(r.PID) }},
		{"USER", false, func(r *proclog.Row) string { return nameCell(r.User) }},
		{"CPU", true, func(r *proclog.Row) string { return units.Percent(r.CPU) }},
		{"RSS", true, func(r *proclog.Row) string { return size(float64(r.RSS)) }},
		{"PSS", true, func(r *proclog.Row) string { return size(float64(r.PSS)) }},
		{"READ", true, func(r *proclog.Row) string { return rate(r.Read) }},
		{"WRITE", true, func(r *proclog.Row) string { return rate(r.Write) }},
		{"RX", true, func(r *proclog.Row) string { return rate(r.Rx) }},
		{"TX", true, func(r *proclog.Row) string { return rate(r.Tx) }},
		{"GROUP", false, func(r *proclog.Row) string { return nameCell(strings.TrimSuffix(r.Group+"/"+r.Subgroup, "/")) }},
		{"COMMAND", false, commandText},
	}
}

func formatKnown(v float64, format func(float64) string) string {
	if v == proclog.Unknown {
		return ""
	}
	return format(v)
}

// commandText returns the command line, or the name of a process that has none, as ps writes it.
func commandText(r *proclog.Row) string {
	if r.Cmdline == "" {
		return "[" + terminal.Line(r.Name) + "]"
	}
	return terminal.Line(r.Cmdline)
}

// nameCell returns a name for a column.
func nameCell(text string) string { return shorten(terminal.Line(text), maxCellColumns) }

// shorten returns a text of at most so many characters.
func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// writeProcesses writes rows as a table, without the columns in which no row has a value. If width is not 0, the last column ends there.
func writeProcesses(b *strings.Builder, columns []processColumn, rows []proclog.Row, width int) {
	texts := make([][]string, len(columns))
	for i, c := range columns {
		for j := range rows {
			texts[i] = append(texts[i], c.text(&rows[j]))
		}
	}
	for i := len(columns) - 1; i >= 0; i-- {
		if !slices.ContainsFunc(texts[i], func(text string) bool { return text != "" }) {
			columns, texts = slices.Delete(columns, i, i+1), slices.Delete(texts, i, i+1)
		}
	}
	last, used := len(columns)-1, 0
	widths := make([]int, len(columns))
	for i, c := range columns[:last] {
		widths[i] = len(c.title)
		for _, text := range texts[i] {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
		used += widths[i] + 2
	}
	for j := -1; j < len(rows); j++ {
		for i, c := range columns {
			text := c.title
			if j >= 0 {
				if text = texts[i][j]; text == "" {
					text = "–"
				}
			}
			pad := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(text)))
			switch {
			case i == last && width > 0:
				b.WriteString(shorten(text, max(minCommand, width-used)))
			case i == last:
				b.WriteString(text)
			case c.right:
				b.WriteString(pad + text + "  ")
			default:
				b.WriteString(text + pad + "  ")
			}
		}
		b.WriteByte('\n')
	}
}
