//go:build !windows

package service

import (
	"context"
	"errors"
	"io"
)

var errNotWindows = errors.New("the service manager of Windows is not here; see what would be done with --dry-run")

func (w *WindowsService) install(io.Writer) error   { return errNotWindows }
func (w *WindowsService) uninstall(io.Writer) error { return errNotWindows }
func (w *WindowsService) isRunning() (bool, error)  { return false, errNotWindows }
func (w *WindowsService) find() (State, string, error) {
	return Absent, "", errNotWindows
}

// RunManaged runs the program for the service manager of Windows. It reports false on other systems, whose services are ordinary processes.
func RunManaged(context.Context, func(ctx context.Context, log io.Writer) int, func()) (code int, isService bool) {
	return 0, false
}
