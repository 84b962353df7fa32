// Package service describes how rtcollector runs as a service of each system, and installs it there.
//
//   - service.go: [Describe], from a system to its files and commands. It touches nothing.
//   - install.go: [Install] and [Uninstall], which write and remove the files and run the commands.
//   - windows.go, sys_*.go: the same for Windows' service manager, which has no files.
package service

import (
	"bytes"
	"embed"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode"
)

//go:embed files
var files embed.FS

// Name is the name of the service on every system.
const Name = "rtcollector"

// Systems are the names of the supported systems.
func Systems() []string { return []string{"systemd", "openrc", "launchd", "rc.d", "windows"} }

// Settings are what differs between machines.
type Settings struct {
	Binary string // absolute path of the program
	Config string // absolute path of the configuration
	User   string // the user of openrc and rc.d; "": nobody
}

// File is a file of a service.
type File struct {
	Path    string
	Mode    fs.FileMode
	Content string
}

// Command is a command of the system that is run for the service.
type Command struct {
	Args    []string
	MayFail bool // a failure means that there was nothing to do
}

// String returns the command as one would type it.
func (c Command) String() string { return strings.Join(c.Args, " ") }

// Definition is the service of one system.
type Definition struct {
	System  string
	Files   []File
	Windows *WindowsService // instead of files and commands

	Start  []Command // after the files were created or changed: registers and starts the service, or restarts it
	Ensure []Command // after nothing was changed: registers and starts the service if somebody undid that
	Stop   []Command // before the files are removed
	After  []Command // after the files were removed
	Status Command   // succeeds if the service runs

	PackageFiles []string // files with which a package provides the service already
	Log          string   // how to read the log
	Environment  string   // the file with environment variables of the service; "": none, or not of this form
	HasOwnUser   bool     // the service does not run as root: its user must be able to read program and configuration
}

// Detect returns the system that manages services on this machine.
func Detect(goos string) (string, error) {
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	switch {
	case goos == "windows":
		return "windows", nil
	case goos == "darwin":
		return "launchd", nil
	case goos == "freebsd":
		return "rc.d", nil
	case exists("/run/systemd/system"): // sd_booted(3)
		return "systemd", nil
	case exists("/run/openrc"), exists("/sbin/openrc-run"):
		return "openrc", nil
	}
	return "", errors.New("find the manager of services: neither systemd nor OpenRC runs here; start \"rtcollector run\" with the one that does, " +
		"or see what would be installed elsewhere: rtcollector service install --dry-run --system systemd")
}

// Defaults returns the usual paths of a system.
func Defaults(system string) Settings {
	switch system {
	case "launchd", "rc.d":
		return Settings{Binary: "/usr/local/bin/rtcollector", Config: "/usr/local/etc/rtcollector/config.yaml"}
	case "windows":
		return Settings{Binary: `C:\Program Files\rtcollector\rtcollector.exe`, Config: `C:\ProgramData\rtcollector\config.yaml`}
	}
	return Settings{Binary: "/usr/local/bin/rtcollector", Config: "/etc/rtcollector/config.yaml"}
}

// Describe returns the service of a system. An error is a system that does not exist or a path that cannot be in its files.
func Describe(system string, s Settings) (Definition, error) {
	for _, path := range []string{s.Binary, s.Config} {
		if strings.ContainsFunc(path, unicode.IsControl) || isScript(system) && !isPlain(path) {
			return Definition{}, fmt.Errorf("%q: a path with such characters cannot be in the file of a service of %s; use another one", path, system)
		}
	}
	if s.User == "" {
		s.User = "nobody"
	}
	command := func(line string) Command { return Command{Args: strings.Fields(line)} }
	optional := func(line string) Command { return Command{Args: strings.Fields(line), MayFail: true} }
	switch system {
	case "systemd":
		return Definition{
			System: system, HasOwnUser: true, Environment: "/etc/rtcollector/environment", Log: "journalctl -u rtcollector",
			Files:        []File{{"/etc/systemd/system/rtcollector.service", 0o644, fill("rtcollector.service", s, quoteSystemd)}},
			PackageFiles: []string{"/usr/lib/systemd/system/rtcollector.service", "/lib/systemd/system/rtcollector.service"},
			Start:        []Command{command("systemctl daemon-reload"), command("systemctl enable rtcollector.service"), command("systemctl restart rtcollector.service")},
			Ensure:       []Command{command("systemctl enable --now rtcollector.service")},
			Stop:         []Command{command("systemctl disable --now rtcollector.service")},
			After:        []Command{command("systemctl daemon-reload")},
			Status:       command("systemctl is-active rtcollector.service"),
		}, nil
	case "openrc":
		return Definition{
			System: system, HasOwnUser: true, Log: "tail /var/log/rtcollector.log",
			Files:  []File{{"/etc/init.d/rtcollector", 0o755, fill("rtcollector.openrc", s, unquoted)}},
			Start:  []Command{command("rc-update add rtcollector default"), command("rc-service rtcollector restart")},
			Ensure: []Command{command("rc-update add rtcollector default"), command("rc-service --ifstopped rtcollector start")},
			Stop:   []Command{command("rc-service --ifstarted rtcollector stop"), optional("rc-update del rtcollector default")},
			Status: command("rc-service rtcollector status"),
		}, nil
	case "launchd":
		plist := "/Library/LaunchDaemons/rtcollector.plist"
		return Definition{
			System: system, Log: "tail /var/log/rtcollector.log",
			Files:  []File{{plist, 0o644, fill("rtcollector.plist", s, quoteXML)}},
			Start:  []Command{optional("launchctl bootout system/rtcollector"), command("launchctl enable system/rtcollector"), command("launchctl bootstrap system " + plist)},
			Ensure: []Command{command("launchctl enable system/rtcollector"), optional("launchctl bootstrap system " + plist)},
			Stop:   []Command{optional("launchctl bootout system/rtcollector")},
			Status: command("launchctl print system/rtcollector"),
		}, nil
	case "rc.d":
		return Definition{
			System: system, HasOwnUser: true, Log: "grep rtcollector /var/log/messages",
			Files:  []File{{"/usr/local/etc/rc.d/rtcollector", 0o755, fill("rtcollector.rcd", s, unquoted)}},
			Start:  []Command{command("sysrc rtcollector_enable=YES"), command("service rtcollector restart")},
			Ensure: []Command{command("sysrc rtcollector_enable=YES"), optional("service rtcollector start")},
			Stop:   []Command{optional("service rtcollector stop"), optional("sysrc -x rtcollector_enable")},
			Status: command("service rtcollector status"),
		}, nil
	case "windows":
		return Definition{
			System: system, HasOwnUser: true,
			Log:     `Get-WinEvent -FilterHashtable @{LogName="Application"; ProviderName="rtcollector"}, or the Application log of the Event Viewer`,
			Windows: &WindowsService{Binary: s.Binary, Args: []string{"run", "--config", s.Config}},
		}, nil
	}
	return Definition{}, fmt.Errorf("system %q is not one of %s", system, strings.Join(Systems(), ", "))
}

// fill returns an embedded file with the settings in it.
func fill(name string, s Settings, quote func(string) string) string {
	content, err := files.ReadFile("files/" + name)
	if err != nil {
		panic(err) // the name is a constant
	}
	return strings.NewReplacer("@BINARY@", quote(s.Binary), "@CONFIG@", quote(s.Config), "@USER@", quote(s.User)).Replace(string(content))
}

// isScript reports whether the services of a system are shell scripts, which read a path several times.
func isScript(system string) bool { return system == "openrc" || system == "rc.d" }

func unquoted(path string) string { return path }

// isPlain reports whether a path has only characters that need quotes nowhere.
func isPlain(path string) bool {
	return !strings.ContainsFunc(path, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-+,:@=", r)
	})
}

// quoteSystemd quotes an argument of ExecStart: systemd.service(5), "Command lines".
func quoteSystemd(path string) string {
	if isPlain(path) {
		return path
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`).Replace(path) + `"`
}

func quoteXML(path string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(path)) // a buffer takes everything
	return b.String()
}

// Marker is the line in every file that "rtcollector service install" has written. Files without it are left alone.
const Marker = `Written by "rtcollector service install"; "rtcollector service uninstall" removes it.`

// marked returns the content of a file with the marker in it: after the first line if that must stay the first, else before it.
func marked(content string) string {
	first, rest, _ := strings.Cut(content, "\n")
	switch {
	case strings.HasPrefix(first, "#!"):
		return first + "\n# " + Marker + "\n" + rest
	case strings.HasPrefix(first, "<?xml"):
		return first + "\n<!-- " + Marker + " -->\n" + rest
	}
	return "# " + Marker + "\n" + content
}

// hasMarker reports whether one of the first lines is the marker.
func hasMarker(content []byte) bool {
	lines := strings.SplitN(string(content), "\n", 4)
	return slices.ContainsFunc(lines[:min(3, len(lines))], func(line string) bool { return strings.Contains(line, Marker) })
}
