// Package tui is what the terminal views have in common.
//
//   - tui.go: runs a view. resume_*.go: stops and continues its process.
//   - draw.go: the frame, bars, sparklines, columns and colours.
package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// Terminal is where a view is shown.
type Terminal struct {
	Input     *os.File
	Output    io.Writer
	NoColours bool
}

// timeToQuit is how long a program that was told to quit may take before it is killed, as one that waits for a terminal
// that takes no output.
const timeToQuit = 2 * time.Second

// Run shows a view until the user quits or ctx ends. It returns the screen to its state before. The view gets a [Continued]
// after every stop of the process.
func Run(ctx context.Context, view tea.Model, t Terminal) error {
	killed, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	options := []tea.ProgramOption{tea.WithContext(killed), tea.WithInput(t.Input), tea.WithOutput(t.Output), tea.WithoutSignalHandler(), tea.WithFPS(20)}
	if t.NoColours {
		options = append(options, tea.WithColorProfile(colorprofile.Ascii))
	}
	p := tea.NewProgram(view, options...)
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

// Continued is sent to the view when the process goes on after a stop: it must draw everything again.
type Continued struct{}

// Suspend returns the command that stops the process, or nil if no shell could continue it.
func Suspend() tea.Cmd {
	if hasJobControl() {
		return tea.Suspend
	}
	return nil
}
