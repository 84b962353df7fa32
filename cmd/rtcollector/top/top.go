// Package top shows hosts, one host, its processes, or any PromQL expression in a terminal.
//
//   - top.go: [Config] and [Run].
//   - data.go: what the views show, read with PromQL. hosts.go, host.go and processes.go say which queries.
//   - model.go: the state of the program and the keys.
//   - view.go: the frame around the views. hostsview.go, hostview.go, processesview.go, exprview.go: the views.
package top

import (
	"context"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/tui"
	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

// Config describes what to show.
type Config struct {
	Engine  *query.Engine
	Reader  *tsread.Reader
	Source  string        // what the data is read from, such as "redis.lan:6379"
	Host    string        // begin with this host; "": with the list of hosts
	Expr    string        // begin with this expression
	Refresh time.Duration // between two readings
	Span    time.Duration // that sparklines cover at first; the next longer choice is taken

	Terminal tui.Terminal
	Redact   func(string) string // for what comes from Redis; nil: nothing

	// Notes returns lines that are shown below the view, such as addresses and log lines. It may be nil.
	Notes func() []string
}

// Run shows the views until the user quits or ctx ends. It returns the screen to its state before.
func Run(ctx context.Context, c Config) error { return tui.Run(ctx, newModel(ctx, c), c.Terminal) }
