package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

// newLog returns the logger of a configuration. It escapes what it writes to w.
func newLog(w io.Writer, cfg *config.Config, debug bool) *slog.Logger {
	return newLogFrom(slog.LevelInfo, w, cfg, debug)
}

// newLogFrom returns a logger for a minimum level, which is lower if the flag or the configuration asks for debugging.
func newLogFrom(level slog.Level, w io.Writer, cfg *config.Config, debug bool) *slog.Logger {
	return slog.New(newLogHandler(level, w, cfg, debug))
}

func newLogHandler(level slog.Level, w io.Writer, cfg *config.Config, debug bool) slog.Handler {
	if debug || cfg.Debug {
		level = slog.LevelDebug
	}
	if cfg.LogFormat == "json" {
		return slog.NewJSONHandler(terminal.NewWriter(w, terminal.JSON), &slog.HandlerOptions{Level: level, ReplaceAttr: formatJSONAttr})
	}
	return newConsole(terminal.NewWriter(w, terminal.Text), level)
}

// switchedLog is a slog.Handler whose format and level can change, also for loggers that were derived from it.
type switchedLog struct {
	current *atomic.Pointer[slog.Handler]
	attrs   []slog.Attr // of With
}

func newSwitchedLog(h slog.Handler) *switchedLog {
	s := &switchedLog{current: &atomic.Pointer[slog.Handler]{}}
	s.use(h)
	return s
}

// use passes everything on to h from now on.
func (s *switchedLog) use(h slog.Handler) { s.current.Store(&h) }

// Enabled implements slog.Handler.
func (s *switchedLog) Enabled(ctx context.Context, l slog.Level) bool {
	return (*s.current.Load()).Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (s *switchedLog) Handle(ctx context.Context, r slog.Record) error {
	return (*s.current.Load()).WithAttrs(s.attrs).Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (s *switchedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &switchedLog{s.current, slices.Concat(s.attrs, attrs)}
}

// WithGroup implements slog.Handler. The program does not use groups.
func (s *switchedLog) WithGroup(string) slog.Handler { return s }

// formatJSONAttr writes durations in JSON as in text: "1.5s", not nanoseconds.
func formatJSONAttr(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	} else if s, ok := a.Value.Any().(fmt.Stringer); ok && a.Value.Kind() == slog.KindAny {
		a.Value = slog.StringValue(s.String())
	}
	return a
}

// console is a slog.Handler that writes lines for people: time, level, message, attributes.
type console struct {
	mu    *sync.Mutex
	w     io.Writer
	level slog.Level
	attrs string // formatted attributes of With
}

func newConsole(w io.Writer, level slog.Level) *console {
	return &console{mu: &sync.Mutex{}, w: w, level: level}
}

// Enabled implements slog.Handler.
func (c *console) Enabled(_ context.Context, l slog.Level) bool { return l >= c.level }

// Handle implements slog.Handler.
func (c *console) Handle(_ context.Context, r slog.Record) error {
	var b bytes.Buffer
	b.WriteString(r.Time.Format("2006-01-02 15:04:05"))
	b.WriteString(" " + r.Level.String() + strings.Repeat(" ", max(0, 5-len(r.Level.String()))) + " ")
	b.WriteString(r.Message)
	b.WriteString(c.attrs)
	var stack string
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "stack" {
			stack = a.Value.String()
			return true
		}
		b.WriteString(formatAttr(a))
		return true
	})
	b.WriteByte('\n')
	b.WriteString(stack)
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.w.Write(b.Bytes())
	return err
}

// WithAttrs implements slog.Handler.
func (c *console) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *c
	for _, a := range attrs {
		with.attrs += formatAttr(a)
	}
	return &with
}

// WithGroup implements slog.Handler. The program does not use groups.
func (c *console) WithGroup(string) slog.Handler { return c }

func formatAttr(a slog.Attr) string {
	v := a.Value.Resolve().String()
	if v == "" || strings.ContainsAny(v, " \"\n\t=") {
		v = strconv.Quote(v)
	}
	return " " + a.Key + "=" + v
}
