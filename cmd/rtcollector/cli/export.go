//go:build !core

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/connections"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/logquery"
	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
)

type exportFlags struct {
	eventsFlags
	since, until, runID string
	format, file        string
	providers, domains  []string
	events, fields      []string
	noHeader            bool
}

func (a *App) exportCommand(c *commonFlags) *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the events of connections as CSV or JSON lines",
		Long: `Writes the events of the input connections, oldest first.

  rtcollector export --since yesterday -o connections.csv                       for a spreadsheet
  rtcollector export --format jsonl --domain '*.example.com' | jq .remote_ip    for programs

In CSV, a text that a spreadsheet would take for a formula begins with an apostrophe. Times are local, and "timestamp" is in milliseconds since
1970. JSON lines are the stored documents.`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runExport(cmd.Context(), *c, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", string(connections.CSV), "csv or jsonl")
	flags.StringVar(&f.since, "since", "", "from this `time` on: "+logquery.TimeFormats)
	flags.StringVar(&f.until, "until", "", "up to this `time`, in the same formats")
	flags.StringVar(&f.runID, "run-id", "", "only this `run` of the input; latest: the last one")
	flags.StringSliceVar(&f.providers, "provider", nil, "only these `providers`; comma-separated")
	flags.StringSliceVar(&f.domains, "domain", nil, "only remote ends whose name, or address if there is none, matches these `globs`, in upper or lower case; comma-separated")
	flags.StringSliceVar(&f.events, "event", nil, "only these `kinds` of events: connect, close, alert; comma-separated")
	flags.StringSliceVar(&f.fields, "fields", nil, "only these `fields`, in this order; comma-separated; default: all")
	flags.BoolVar(&f.noHeader, "no-header", false, "leave out the names of the columns")
	flags.StringVarP(&f.file, "output-file", "o", "", "write to this `file` instead of standard output; an existing one is replaced when all is written")
	f.addTo(cmd)
	return cmd
}

// exportFilter selects events beside their time and run.
type exportFilter struct {
	providers, events []string
	domains           match.List // in lower case
}

func (f *exportFilter) matches(e *connlog.Event) bool {
	return (len(f.providers) == 0 || slices.Contains(f.providers, e.Provider)) &&
		(len(f.events) == 0 || slices.Contains(f.events, string(e.Kind))) &&
		(len(f.domains) == 0 || f.domains.Match(strings.ToLower(e.Destination())))
}

func (f *exportFlags) buildFilter() (exportFilter, error) {
	filter := exportFilter{providers: f.providers, events: f.events, domains: make(match.List, len(f.domains))}
	for i, glob := range f.domains {
		if err := filter.domains[i].UnmarshalScalar(strings.ToLower(glob)); err != nil {
			return filter, fmt.Errorf("--domain %q %w", glob, err)
		}
	}
	for _, kind := range f.events {
		switch connlog.Kind(kind) {
		case connlog.Connect, connlog.Close, connlog.Alert:
		default:
			return filter, fmt.Errorf("--event must be connect, close or alert, not %q", kind)
		}
	}
	return filter, nil
}

func (a *App) runExport(ctx context.Context, c commonFlags, f exportFlags) error {
	q, err := parseSpan(f.since, f.until, time.Now())
	if err != nil {
		return err
	}
	q.RunID = f.runID
	filter, err := f.buildFilter()
	if err != nil {
		return err
	}
	if _, err := connections.NewExporter(io.Discard, connections.Format(f.format), f.fields, time.Local); err != nil {
		return err
	}
	reader, _, err := a.newEventReader(ctx, c, f.eventsFlags, true)
	if err != nil {
		return err
	}
	store := connections.NewStore(reader)
	defer func() { _ = store.Close() }()
	if f.runID == "latest" {
		if q, err = latestRun(ctx, store, q); err != nil {
			return runtimeFailure(err)
		}
	}
	if f.file == "" {
		return runtimeFailure(a.export(ctx, a.rawOut, store, q, filter, f))
	}
	return runtimeFailure(replaceFile(f.file, func(w io.Writer) error { return a.export(ctx, w, store, q, filter, f) }))
}

// latestRun returns a query for the latest run.
func latestRun(ctx context.Context, store connections.Store, q outputs.ConnectionQuery) (outputs.ConnectionQuery, error) {
	run, err := store.LatestRun(ctx)
	if err == nil && run.ID == "" {
		err = errors.New("there is no run yet: the input connections has not stored any event")
	}
	if q.RunID = run.ID; q.Since.IsZero() {
		q.Since = run.First
	}
	return q, err
}

// export writes the events that a query and a filter select.
func (a *App) export(ctx context.Context, w io.Writer, store connections.Store, q outputs.ConnectionQuery, filter exportFilter, f exportFlags) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	x, err := connections.NewExporter(buffered, connections.Format(f.format), f.fields, time.Local)
	if err != nil {
		return err
	}
	if !f.noHeader {
		if err := x.WriteHeader(); err != nil {
			return err
		}
	}
	n := 0
	err = store.ReadConnections(ctx, q, func(e connlog.Event) error {
		if !filter.matches(&e) {
			return nil
		}
		n++
		return x.Write(&e)
	})
	if err == nil {
		err = errors.Join(x.Flush(), buffered.Flush())
	}
	if err == nil && n == 0 {
		fmt.Fprintln(a.Stderr, "no events")
	}
	return err
}

// replaceFile writes a file and puts it in the place of the old one when it is complete. Only this user can read it.
func replaceFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", terminal.Line(path), err)
	}
	err = write(f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", terminal.Line(path), err)
	}
	return nil
}
