package service

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// machine returns a machine in a folder, and what is printed there. Its commands are not run: they would change this machine.
func machine(t *testing.T, system string) (Machine, *bytes.Buffer) {
	t.Helper()
	root := t.TempDir()
	for _, f := range describe(t, system).Files {
		if err := os.MkdirAll(filepath.Dir(root+f.Path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out := &bytes.Buffer{}
	return Machine{Root: root, Out: out, Run: func(context.Context, []string) error { return nil }}, out
}

func fileSystems() []string { return []string{"systemd", "openrc", "launchd", "rc.d"} }

// TestInstallTwice: the second time nothing changes, with other settings the file is updated, and in the end it is gone.
func TestInstallTwice(t *testing.T) {
	for _, system := range fileSystems() {
		m, out := machine(t, system)
		d := describe(t, system)
		s := Defaults(system)
		s.Config = "/srv/other.yaml"
		changed, err := Describe(system, s)
		if err != nil {
			t.Fatal(err)
		}
		path := d.Files[0].Path
		for _, step := range []struct {
			do       func() error
			want     string
			commands []Command
		}{
			{func() error { return Install(t.Context(), d, m) }, path + " is written", d.Start},
			{func() error { return Install(t.Context(), d, m) }, path + " is unchanged", d.Ensure},
			{func() error { return Install(t.Context(), changed, m) }, path + " is updated", d.Start},
			{func() error { return Uninstall(t.Context(), d, m) }, path + " is removed", append(d.Stop[:len(d.Stop):len(d.Stop)], d.After...)},
			{func() error { return Uninstall(t.Context(), d, m) }, "the service is not installed: nothing to do", nil},
		} {
			out.Reset()
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", system, err)
			}
			if !strings.Contains(out.String(), step.want) || strings.Count(out.String(), "run: ") != len(step.commands) {
				t.Errorf("%s: want %s and %v, got:\n%s", system, step.want, step.commands, out)
			}
			for _, c := range step.commands {
				if !strings.Contains(out.String(), "run: "+c.String()+"\n") {
					t.Errorf("%s: %s was not run", system, c)
				}
			}
		}
		if rest, err := os.ReadDir(filepath.Dir(m.Root + path)); err != nil || len(rest) > 0 {
			t.Errorf("%s: %v are left, %v", system, rest, err)
		}
	}
}

// TestFilesHaveTheirModes: an init script must be executable, whatever the umask is.
func TestFilesHaveTheirModes(t *testing.T) {
	for _, system := range fileSystems() {
		m, _ := machine(t, system)
		d := describe(t, system)
		if err := Install(t.Context(), d, m); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(m.Root + d.Files[0].Path)
		if err != nil || info.Mode() != d.Files[0].Mode {
			t.Errorf("%s: %v, %v", system, info.Mode(), err)
		}
	}
}

// TestForeignFiles: what somebody else has made is neither overwritten nor removed.
func TestForeignFiles(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"by hand": func(path string) error { return os.WriteFile(path, []byte("[Service]\nExecStart=/bin/x\n"), 0o600) },
		"masked":  func(path string) error { return os.Symlink("/dev/null", path) },
		"folder":  func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		for _, system := range fileSystems() {
			m, out := machine(t, system)
			d := describe(t, system)
			path := m.Root + d.Files[0].Path
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			for verb, do := range map[string]func(context.Context, Definition, Machine) error{"install": Install, "uninstall": Uninstall} {
				if err := do(t.Context(), d, m); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s, %s: %s: %v", name, system, verb, err)
				}
			}
			after, err := os.Lstat(path)
			if err != nil || after.ModTime() != before.ModTime() || after.Mode() != before.Mode() || strings.Contains(out.String(), "run:") {
				t.Errorf("%s, %s: it was changed, or a command was run: %v\n%s", name, system, err, out)
			}
			if state, _, err := Find(d, m.Root); state != Foreign || err != nil {
				t.Errorf("%s, %s: state %v, %v", name, system, state, err)
			}
		}
	}
}

// TestPackageProvidesTheService: with the unit of a package, a second one in /etc would hide it, also after upgrades.
func TestPackageProvidesTheService(t *testing.T) {
	m, _ := machine(t, "systemd")
	d := describe(t, "systemd")
	path := m.Root + d.PackageFiles[0]
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := Install(t.Context(), d, m); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "systemctl enable --now") {
		t.Error(err)
	}
	if _, err := os.Stat(m.Root + d.Files[0].Path); !os.IsNotExist(err) {
		t.Error("the unit was written")
	}
}

// TestFailingCommand: a command that fails ends the installation with its error, unless its failure only means that nothing was to be done.
func TestFailingCommand(t *testing.T) {
	m, _ := machine(t, "launchd")
	d := describe(t, "launchd")
	failing := ""
	m.Run = func(_ context.Context, args []string) error {
		if strings.Contains(strings.Join(args, " "), failing) {
			return errors.New("exit status 5")
		}
		return nil
	}
	for command, want := range map[string]bool{"bootout": true, "bootstrap": false} {
		failing = command
		if err := errors.Join(os.RemoveAll(m.Root+d.Files[0].Path), Install(t.Context(), d, m)); (err == nil) != want {
			t.Errorf("%s fails: %v", command, err)
		}
	}
}
