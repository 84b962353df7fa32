// Package windowseventlog reads Windows' event log.
//
//   - config.go: the settings. plugin.go: [Plugin], which reads each channel. parse.go: makes an event of the XML.
//   - state.go: the bookmark of a channel in a file, so that nothing is read twice or left out when the agent starts again.
package windowseventlog

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/wevt"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = define(wevt.Open)

// opener is wevt.Open, but for tests.
type opener func(channel, xpath string, start wevt.Start, bookmark string) (wevt.Reader, error)

func define(open opener) plugins.Definition {
	return plugins.Serve("windows_eventlog", "events of the event log (Windows)", defaults, func(e plugins.Env, c Config) (*input, error) {
		return build(e, c, open), nil
	}).On("windows").OnRequest().Doc(readme)
}

type input struct {
	config   Config
	log      *slog.Logger
	open     opener
	channels []*channel
}

// channel is a channel of the event log, and what was read of it.
type channel struct {
	name     string
	state    bookmarkFile
	bookmark string       // the position after what was emitted; "": not known yet
	unsaved  int          // batches since it was saved
	warned   bool         // it could not be saved
	events   atomic.Int64 // since the start of the agent
	total    *telemetry.Total
}

func build(env plugins.Env, c Config, open opener) *input {
	in := &input{config: c, log: env.Log, open: open}
	for _, name := range c.Channels {
		in.channels = append(in.channels, &channel{
			name:  name,
			state: bookmarkFile(filepath.Join(c.StateDir, stateName(env.ID, name))),
			total: env.Factory.Counter("windows_eventlog_events", telemetry.None, telemetry.Label{Key: "channel", Value: name}),
		})
	}
	return in
}

// Run implements plugins.Runner.
func (in *input) Run(ctx context.Context, out plugins.Emitter) error {
	var reading sync.WaitGroup
	for _, c := range in.channels {
		reading.Go(func() { in.readUntilDone(ctx, c, out) })
	}
	reading.Wait()
	return nil
}

// readUntilDone reads a channel. When that fails, it tries again after a pause, and says so once.
func (in *input) readUntilDone(ctx context.Context, c *channel, out plugins.Emitter) {
	var pauses pause.Backoff
	warned := ""
	for ctx.Err() == nil {
		before := c.events.Load()
		err := in.readChannel(ctx, c, out)
		if c.events.Load() > before {
			pauses.Reset()
			warned = ""
		}
		if err != nil && err.Error() != warned {
			warned = err.Error()
			in.log.Warn("a channel of the event log cannot be read; retrying", "channel", c.name, "error", err)
		}
		pause.Sleep(ctx, pauses.Next())
	}
}

const (
	// batchSize is the number of events that are read at once. Windows refuses to return more than fit into one message.
	batchSize = 16

	// wait is how long a read waits for events before it looks whether it must end.
	wait = 500 * time.Millisecond

	// saveAfter is the number of batches after which the bookmark is saved while no read finds the log at its end. Saving waits for the disk.
	saveAfter = 64
)

// readChannel reads a channel until ctx is done or reading fails. It moves the bookmark after the events were emitted, so events are read again
// rather than lost if the agent stops in between.
func (in *input) readChannel(ctx context.Context, c *channel, out plugins.Emitter) error {
	if c.bookmark == "" {
		var err error
		if c.bookmark, err = c.state.load(); err != nil {
			return err
		}
	}
	r, err := in.open(c.name, in.config.Query, in.config.Start.position(), c.bookmark)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	defer in.saveBookmark(c)
	for {
		read, err := r.Next(batchSize, wait)
		if err != nil || ctx.Err() != nil {
			return err
		}
		if len(read) == 0 {
			in.saveBookmark(c)
			continue
		}
		emit(ctx, out, read)
		if ctx.Err() != nil {
			return nil // it is not known whether the events found room
		}
		c.events.Add(int64(len(read)))
		if c.bookmark, err = r.Bookmark(); err != nil {
			return err
		}
		if c.unsaved++; c.unsaved >= saveAfter {
			in.saveBookmark(c)
		}
	}
}

// saveBookmark keeps the bookmark of a channel if it has moved. When that fails, reading goes on.
func (in *input) saveBookmark(c *channel) {
	if c.unsaved == 0 {
		return
	}
	err := c.state.save(c.bookmark)
	if err == nil {
		c.unsaved = 0
	} else if !c.warned {
		in.log.Warn("the position in the event log cannot be kept: after the next start events are read again", "channel", c.name, "error", err)
	}
	c.warned = err != nil
}

func emit(ctx context.Context, out plugins.Emitter, read []wevt.Event) {
	now := time.Now()
	b := telemetry.NewBatch(now, now, 0)
	for _, e := range read {
		b.Events = append(b.Events, makeEvent(e.XML, e.Message, now))
	}
	out.Emit(ctx, b)
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	for _, c := range in.channels {
		c.total.Add(out, float64(c.events.Load()))
	}
	return nil
}

// Try implements plugins.Trier. It subscribes to each channel and reads nothing.
func (in *input) Try(context.Context) error {
	var errs []error
	for _, c := range in.channels {
		if _, err := c.state.load(); err != nil {
			errs = append(errs, err)
		}
		r, err := in.open(c.name, in.config.Query, wevt.FromNow, "")
		if err != nil {
			errs = append(errs, fmt.Errorf("channel %s: %w", c.name, err))
			continue
		}
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}
