package netdataplugins

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/childproc"
	"github.com/rtcollector/rtcollector/internal/pluginsd"
)

const (
	// maxSilence is how long a plugin may print nothing.
	maxSilence = 120 * time.Second
	// stopGrace is how long a plugin may take to end after SIGTERM.
	stopGrace = 2 * time.Second
	// maxReports is how many bad lines, and how many lines of stderr, are logged in a minute.
	maxReports = 20
)

var errStop = errors.New("the plugin is stopped")

// session is one run of a plugin.
type session struct {
	*supervised
	stdin   *os.File
	sending sync.Mutex    // one line at a time
	ended   chan struct{} // closed when the plugin has ended
	watch   *time.Timer   // of the silence
	stop    context.CancelCauseFunc
	bad     reports
	stderr  reports
	outcome outcome

	mu      sync.Mutex // guards what follows
	parser  *pluginsd.Parser
	waiting map[string]chan pluginsd.Answer // by transaction
}

// runOnce runs the plugin until it ends, falls silent, must be stopped or ctx is done.
func (s *supervised) runOnce(ctx context.Context) outcome {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := &session{supervised: s, stop: stop, waiting: map[string]chan pluginsd.Answer{}, ended: make(chan struct{})}
	charts := s.in.collected.newRun()
	defer func() { // the series of the last run are those of this one, unless it no longer has them
		s.charts.end()
		s.charts = charts
	}()
	r.parser = pluginsd.NewParser(s.name, s.in.updateEvery, charts)
	r.parser.Functions.Answered = r.deliver
	r.watch = time.AfterFunc(maxSilence, func() { stop(errSilent) })
	defer r.watch.Stop()
	stdin, ours, err := os.Pipe() // plugins end when it is closed
	if err != nil {
		return outcome{status: childproc.StatusNotStarted, err: err}
	}
	defer func() { _, _ = ours.Close(), stdin.Close() }()
	r.stdin = ours
	s.live.Store(r)
	defer s.live.Store(nil)
	args := append([]string{s.path, strconv.Itoa(s.in.updateEvery)}, strings.Fields(s.in.config.Options[s.name])...)
	child := childproc.Command{
		Args: args, Env: s.in.environ(childproc.Environ(nil)), Stdin: stdin, MaxOutput: pluginsd.MaxLine + 1, Grace: stopGrace,
	}
	s.log.Info("the plugin starts", "command", strings.Join(args, " "))
	result := child.Stream(ctx, r.readLine, r.logLine)
	close(r.ended)
	r.outcome.status, r.outcome.err = result.Status, result.Err
	r.outcome.collections, r.outcome.isDisabled = r.parser.Collections, r.parser.IsDisabled
	r.outcome.wasSilent = errors.Is(context.Cause(ctx), errSilent)
	if r.outcome.wasSilent {
		s.log.Warn("the plugin was stopped, because it printed nothing for two minutes")
	}
	return r.outcome
}

var errSilent = errors.New("silent")

// readLine reads a line of the plugin's output.
func (r *session) readLine(line []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.watch.Reset(maxSilence)
	var err error
	if len(line) > pluginsd.MaxLine {
		err = r.parser.TooLong(line)
	} else {
		err = r.parser.Line(line, now)
	}
	if err != nil {
		r.in.collected.countBadLine(r.name)
		if r.bad.isNext(now) {
			r.log.Warn("the plugin printed a line that is wrong", "error", err)
		}
		if r.in.config.OnBadLine == Stop {
			r.outcome.hadBadLine = true
			r.stop(errStop)
		}
	}
	if r.parser.IsDisabled {
		r.stop(errStop)
	}
}

// logLine logs a line of the plugin's stderr.
func (r *session) logLine(line []byte) {
	const longest = 500
	if len(line) > 0 && r.stderr.isNext(time.Now()) {
		r.log.Info("the plugin says", "stderr", string(line[:min(len(line), longest)]))
	}
}

// reports limits how often something is logged.
type reports struct {
	mu     sync.Mutex
	minute int64
	count  int
}

// isNext reports whether there is room for one more in this minute.
func (r *reports) isNext(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if minute := now.Unix() / 60; minute != r.minute {
		r.minute, r.count = minute, 0
	}
	r.count++
	return r.count <= maxReports
}
