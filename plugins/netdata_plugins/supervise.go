package netdataplugins

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/internal/childproc"
	"github.com/rtcollector/rtcollector/internal/pause"
)

const (
	// maxFruitless is how many runs in a row may end without data before a plugin is given up.
	maxFruitless = 10
	// restartFactor times update_every is the pause after a run that failed or had no data.
	restartFactor = 10

	statusTerminated = childproc.StatusSignal + 15 // SIGTERM
)

// supervised is a plugin and its runs.
type supervised struct {
	in         *input
	name, path string
	log        *slog.Logger
	modified   time.Time // of the file, when it was started

	fruitless int           // runs in a row without data
	collected int           // rounds of all runs
	charts    *pluginCharts // of the last run: the next one continues its series
	isOver    atomic.Bool
	live      atomic.Pointer[session] // nil: it does not run at present
}

func (in *input) supervise(name, path string) *supervised {
	s := &supervised{in: in, name: name, path: path, log: in.log.With("plugin", name)}
	if st, err := os.Stat(path); err == nil {
		s.modified = st.ModTime()
	}
	return s
}

// mayStartAgain reports whether a plugin that was given up has changed since.
func (s *supervised) mayStartAgain(path string) bool {
	st, err := os.Stat(path)
	return s.isOver.Load() && err == nil && !st.ModTime().Equal(s.modified)
}

// run runs the plugin again and again, until ctx is done or it is given up.
func (s *supervised) run(ctx context.Context) {
	defer s.isOver.Store(true)
	defer func() { s.charts.end() }()
	for ctx.Err() == nil {
		r := s.runOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		wait, reason := s.next(r)
		if reason != "" {
			s.log.Warn("the plugin is stopped: it starts again when its file changes or the agent restarts", "reason", reason, "status", r.status)
			return
		}
		s.log.Info("the plugin ended", "status", r.status, "collections", r.collections, "again_in", wait)
		pause.Sleep(ctx, wait)
	}
}

// outcome is how a run ended.
type outcome struct {
	status      int  // as a shell reports it
	collections int  // rounds with data
	isDisabled  bool // the plugin asked not to be started again
	hadBadLine  bool // on_bad_line is stop, and there was one
	wasSilent   bool // it printed nothing for too long
	err         error
}

// next says how long to wait before the next run, or why there is none. The rules are those of Netdata's parser; a plugin that falls silent
// after it had data is started again here.
func (s *supervised) next(r outcome) (wait time.Duration, reason string) {
	s.collected += r.collections
	s.fruitless++
	if r.collections > 0 {
		s.fruitless = 0
	}
	every := time.Duration(s.in.updateEvery) * time.Second
	switch {
	case r.isDisabled:
		return 0, "it says that it has nothing to report here (DISABLE)"
	case r.hadBadLine:
		return 0, "it printed a line that is wrong, and on_bad_line is stop"
	case r.status == 1 && s.collected == 0:
		return 0, "it failed before it had data"
	case r.status == childproc.StatusNotStarted, r.status == childproc.StatusNotFound:
		return 0, "it cannot be run: " + r.err.Error()
	case r.status != 0 && !r.wasSilent && (s.collected == 0 || r.status == statusTerminated):
		return 0, "it failed"
	case s.fruitless > maxFruitless:
		return 0, "it had no data in many runs"
	case r.status == 0 && r.collections > 0:
		return every, ""
	}
	return restartFactor * every, ""
}
