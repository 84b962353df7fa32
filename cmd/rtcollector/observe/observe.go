// Package observe shows events about connections as they happen: in a terminal view, as lines, or as JSON.
//
//   - observe.go: [Config] and [Run], the terminal view.
//   - feed.go: [Feed], the output of the agent that the events come from.
//   - board.go: [Board], what was seen: totals, groups, processes, the latest events. timeline.go finds the peak. summary.go prints it.
//   - line.go: [Printer], an event as a line or as JSON. theme.go: [Theme], colours.
//   - preset.go: [Preset], what is shown, and the defaults of the command. presets/ has those that are built in.
//   - model.go: the state of the view and the keys. view.go: what it draws; detail.go: the page of a process.
package observe

import (
	"context"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
)

// Config describes what the view shows.
type Config struct {
	Board *Board
	Show  Kinds // events of the list
	Group View  // the bars to begin with
	Theme Theme
	Bell  bool   // ring the terminal's bell for each alert
	Title string // what is watched, such as "claude, codex"

	Terminal tui.Terminal
	Redact   func(string) string // for what comes from other processes; nil: nothing

	// Lost returns how many events were lost on the way here. It may be nil.
	Lost func() int64

	// Notes returns lines that are shown below the view, such as lines of the log. It may be nil.
	Notes func() []string
}

// Run shows the view until the user quits or ctx ends. It returns the screen to its state before.
func Run(ctx context.Context, c Config) error { return tui.Run(ctx, newModel(c), c.Terminal) }
