// Package top shows hosts, one host or any PromQL expression in a terminal.
//
//   - top.go: [Config] and [Run].
//   - data.go: what the views show, read with PromQL. hosts.go and host.go say which queries.
//   - model.go: the state of the program and the keys.
//   - view.go: the frame around the views. hostsview.go, hostview.go, exprview.go: the views.
//   - draw.go: bars, sparklines, columns and colours.
package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

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

	Input     *os.File
	Output    io.Writer
	NoColours bool
	Redact    func(string) string // for what comes from Redis; nil: nothing

	// Notes returns lines that are shown below the view, such as addresses and log lines. It may be nil.
	Notes func() []string
}

// timeToQuit is how long a program that was told to quit may take before it is killed, as one that waits for a terminal
// that takes no output.
const timeToQuit = 2 * time.Second

// Run shows the views until the user quits or ctx ends. It returns the screen to its state before.
func Run(ctx context.Context, c Config) error {
	killed, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	options := []tea.ProgramOption{tea.WithContext(killed), tea.WithInput(c.Input), tea.WithOutput(c.Output), tea.WithoutSignalHandler(), tea.WithFPS(20)}
	if c.NoColours {
		options = append(options, tea.WithColorProfile(colorprofile.Ascii))
	}
	p := tea.NewProgram(newModel(ctx, c), options...)
	stop := repaintWhenContinued(p)
	defer stop()
	defer quitAfter(ctx, p, kill)()
	_, err := p.Run()
	switch {
	case errors.Is(err, tea.ErrProgramPanic):
		return fmt.Errorf("show the terminal view: %w", err)
	case ctx.Err() != nil || errors.Is(err, tea.ErrProgramKilled):
		return nil
	}
	return err
}

// quitAfter ends the program once ctx has ended. A killed program closes its input under the goroutine that reads it, so
// it is asked to quit first. The function it returns must be called when the program has ended.
func quitAfter(ctx context.Context, p *tea.Program, kill context.CancelFunc) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		time.AfterFunc(timeToQuit, kill)
		p.Quit()
	})
}
