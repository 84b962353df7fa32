package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Machine is where a service is installed.
type Machine struct {
	Root string                                         // in front of every path; "" outside of tests
	Run  func(ctx context.Context, args []string) error // runs a command of the system
	Out  io.Writer                                      // what was done, a line for each step
}

// ErrForeign is the error for a service that somebody else has made.
var ErrForeign = errors.New("not written by \"rtcollector service install\"")

// Install writes the files of a service that are missing or differ, and starts the service. A service that is already installed and runs
// continues if its files are unchanged, and is restarted otherwise. Files that Install has not written are never changed.
func Install(ctx context.Context, d Definition, m Machine) error {
	if d.Windows != nil {
		return d.Windows.install(m.Out)
	}
	for _, path := range d.PackageFiles {
		if _, err := os.Lstat(m.Root + path); err == nil {
			return fmt.Errorf("%s: a package provides this service already: %w; start it with: systemctl enable --now rtcollector", path, ErrForeign)
		}
	}
	changed := false
	for _, f := range d.Files {
		content := []byte(marked(f.Content))
		present, err := readOwn(m.Root + f.Path)
		if err != nil {
			return fmt.Errorf("install %w", err)
		}
		if bytes.Equal(present, content) {
			fmt.Fprintf(m.Out, "%s is unchanged\n", f.Path)
			continue
		}
		if err := replaceFile(m.Root+f.Path, content, f.Mode); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, explain(err))
		}
		verb := "written"
		if present != nil {
			verb = "updated"
		}
		fmt.Fprintf(m.Out, "%s is %s\n", f.Path, verb)
		changed = true
	}
	if changed {
		return m.runAll(ctx, d.Start)
	}
	return m.runAll(ctx, d.Ensure)
}

// Uninstall stops the service and removes its files. Files that Install has not written stay, and so do the configuration and the log.
func Uninstall(ctx context.Context, d Definition, m Machine) error {
	if d.Windows != nil {
		return d.Windows.uninstall(m.Out)
	}
	var present []string
	for _, f := range d.Files {
		content, err := readOwn(m.Root + f.Path)
		if err != nil {
			return fmt.Errorf("uninstall %w", err)
		}
		if content != nil {
			present = append(present, f.Path)
		}
	}
	if len(present) == 0 {
		fmt.Fprintln(m.Out, "the service is not installed: nothing to do")
		return nil
	}
	if err := m.runAll(ctx, d.Stop); err != nil {
		return err
	}
	for _, path := range present {
		if err := os.Remove(m.Root + path); err != nil {
			return fmt.Errorf("remove %s: %w", path, explain(err))
		}
		fmt.Fprintf(m.Out, "%s is removed\n", path)
	}
	return m.runAll(ctx, d.After)
}

// State is what is installed.
type State int

// The states of a service.
const (
	Absent  State = iota
	Own           // Install has written it
	Foreign       // a package or a person has made it
)

// Find returns whether the service is installed, and the file that shows it.
func Find(d Definition, root string) (State, string, error) {
	if d.Windows != nil {
		return d.Windows.find()
	}
	for _, f := range d.Files {
		content, err := readOwn(root + f.Path)
		switch {
		case errors.Is(err, ErrForeign):
			return Foreign, f.Path, nil
		case err != nil:
			return Absent, "", err
		case content != nil:
			return Own, f.Path, nil
		}
	}
	for _, path := range d.PackageFiles {
		if _, err := os.Lstat(root + path); err == nil {
			return Foreign, path, nil
		}
	}
	return Absent, "", nil
}

func (m Machine) runAll(ctx context.Context, commands []Command) error {
	for _, c := range commands {
		fmt.Fprintf(m.Out, "run: %s\n", c)
		if err := m.Run(ctx, c.Args); err != nil && !c.MayFail {
			return fmt.Errorf("%s: %w", c, err)
		}
	}
	return nil
}

// readOwn returns the content of a file that Install has written, nil if there is none, and ErrForeign if it is somebody else's. Symbolic
// links are always somebody else's: "systemctl mask" makes one.
func readOwn(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w; it is left alone", path, ErrForeign)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, explain(err)
	}
	if !hasMarker(content) {
		return nil, fmt.Errorf("%s: %w; it is left alone", path, ErrForeign)
	}
	return content, nil
}

// replaceFile writes a file so that there is always either the old or the new content.
func replaceFile(path string, content []byte, mode fs.FileMode) error {
	temporary := filepath.Join(filepath.Dir(path), ".rtcollector.new")
	if err := os.WriteFile(temporary, content, mode); err != nil {
		return err
	}
	err := os.Chmod(temporary, mode) // whatever the umask is
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
	}
	return err
}

// explain adds to an error what to do about it.
func explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; run it as root, for example with sudo", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: this system's files come from elsewhere, so add the service there; \"rtcollector service install --dry-run\" shows it", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; is this the right system? \"--system\" with \"--dry-run\" shows the others", err)
	}
	return err
}

// Print writes what an installation would do: each file with its content, and each command.
func Print(w io.Writer, d Definition) {
	if d.Windows != nil {
		d.Windows.print(w)
		return
	}
	for _, f := range d.Files {
		fmt.Fprintf(w, "file %s, mode %04o:\n\n%s\n", f.Path, f.Mode, marked(f.Content))
	}
	for _, c := range d.Start {
		fmt.Fprintf(w, "run: %s%s\n", c, mayFail(c))
	}
}

// PrintRemoval writes what the removal would do.
func PrintRemoval(w io.Writer, d Definition) {
	if d.Windows != nil {
		d.Windows.printRemoval(w)
		return
	}
	for _, c := range d.Stop {
		fmt.Fprintf(w, "run: %s%s\n", c, mayFail(c))
	}
	for _, f := range d.Files {
		fmt.Fprintf(w, "remove: %s\n", f.Path)
	}
	for _, c := range d.After {
		fmt.Fprintf(w, "run: %s%s\n", c, mayFail(c))
	}
}

func mayFail(c Command) string {
	if c.MayFail {
		return " (may fail)"
	}
	return ""
}

// IsRunning reports whether the service runs.
func IsRunning(ctx context.Context, d Definition, m Machine) (bool, error) {
	if d.Windows != nil {
		return d.Windows.isRunning()
	}
	return m.Run(ctx, d.Status.Args) == nil, nil
}
