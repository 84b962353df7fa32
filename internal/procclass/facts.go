package procclass

import (
	"path"
	"strings"

	"github.com/rtcollector/rtcollector/internal/cgroup"
)

// Limits of what is compared, in bytes.
const (
	maxCmdline = 4096
	maxComm    = 15 // TASK_COMM_LEN without its NUL
)

// facts are what the entries of a table are compared with.
type facts struct {
	program   string // the base name of the program; "": unknown
	comm      string
	script    string // what an interpreter runs; "": nothing
	unit      string // without escapes
	place     *cgroup.Place
	argv      []string
	line      cmdLine // see cmdline
	lineKnown bool
}

// cmdLine is a command line, and which pairs of neighbouring bytes it has. A Java program's is long, and hundreds of texts are looked for in it,
// of which most have a pair that it has not.
type cmdLine struct {
	text  string
	pairs [pairBits / 64]uint64
}

const pairBits = 4096

func newCmdLine(text string) (l cmdLine) {
	l.text = text
	for i := 1; i < len(text); i++ {
		bit := pairBit(text[i-1], text[i])
		l.pairs[bit/64] |= 1 << (bit % 64)
	}
	return l
}

// pairBit returns the bit that a pair of bytes shares with few others.
func pairBit(a, b byte) uint { return (uint(a)*67 + uint(b)) % pairBits }

// contains reports whether the line has a text.
func (l *cmdLine) contains(text string) bool {
	for i := 1; i < len(text); i++ {
		if bit := pairBit(text[i-1], text[i]); l.pairs[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return strings.Contains(l.text, text)
}

// newFacts returns the names of a process.
//
// The program is the file that runs. If that is unknown, as of other users' processes, it is what the first argument says. A process that
// was replaced by an upgrade still is what it was: " (deleted)" is removed.
func newFacts(s *Subject) facts {
	f := facts{comm: s.Comm, place: &s.Place, argv: s.Argv, unit: cgroup.UnescapeUnit(s.Place.Unit)}
	if s.Exe != "" {
		f.program = path.Base(strings.TrimSuffix(s.Exe, " (deleted)"))
	} else if len(s.Argv) > 0 {
		f.program = titleProgram(s.Argv[0])
	}
	if f.program == "." || f.program == "/" {
		f.program = ""
	}
	f.script = findScript(f.program, s.Argv)
	return f
}

// isCut reports whether comm may be the beginning of a longer name that is not known. Where the program begins with it, that is the name.
func (f *facts) isCut() bool {
	return len(f.comm) == maxComm && (len(f.program) <= maxComm || f.program[:maxComm] != f.comm)
}

// titleProgram returns the name of a program from a first argument, which may be a title: "nginx: master process", "-bash".
func titleProgram(arg string) string {
	if len(arg) > maxCmdline {
		arg = arg[:maxCmdline]
	}
	if !strings.HasPrefix(arg, "/") {
		if i := strings.IndexAny(arg, ": "); i >= 0 {
			arg = arg[:i]
		}
	}
	if arg == "" {
		return ""
	}
	return path.Base(strings.TrimPrefix(arg, "-"))
}

// cmdline returns the first bytes of the arguments, joined by blanks.
func (f *facts) cmdline() *cmdLine {
	if !f.lineKnown {
		f.line, f.lineKnown = newCmdLine(f.joinArguments()), true
	}
	return &f.line
}

func (f *facts) joinArguments() string {
	if len(f.argv) == 1 {
		return f.argv[0][:min(len(f.argv[0]), maxCmdline)]
	}
	size := 0
	for _, arg := range f.argv {
		size += len(arg) + 1
	}
	line := make([]byte, 0, min(size, maxCmdline))
	for i, arg := range f.argv {
		if i > 0 {
			line = append(line, ' ')
		}
		if rest := maxCmdline - len(line); rest <= len(arg) {
			line = append(line, arg[:max(rest, 0)]...)
			break
		}
		line = append(line, arg...)
	}
	return string(line[:min(len(line), maxCmdline)])
}

// findScript returns the base name of what an interpreter runs, without the usual endings: "certbot" of "python3 /usr/bin/certbot renew",
// "http.server" of "python3 -m http.server", "app" of "java -jar /opt/app.jar".
func findScript(program string, argv []string) string {
	if len(argv) < 2 || !isInterpreter(program) {
		return ""
	}
	java := program == "java"
	for i, arg := range argv[1:] {
		next := ""
		if i+2 < len(argv) {
			next = argv[i+2]
		}
		switch {
		case java && arg == "-jar":
			return scriptName(next)
		case java:
		case arg == "-m":
			return scriptName(next)
		case arg == "-c" || arg == "-e" || arg == "--eval" || arg == "-":
			return ""
		case arg != "" && arg[0] != '-':
			return scriptName(arg)
		}
		if i > maxOptions {
			break
		}
	}
	return ""
}

// maxOptions bounds the options before the name of a script.
const maxOptions = 200

func scriptName(arg string) string {
	if arg == "" || len(arg) > maxCmdline {
		return ""
	}
	name := path.Base(arg)
	switch ext := path.Ext(name); ext {
	case ".py", ".pyc", ".pl", ".rb", ".js", ".mjs", ".cjs", ".php", ".sh", ".jar", ".war", ".lua":
		if len(name) > len(ext) {
			return name[:len(name)-len(ext)]
		}
	}
	return name
}

// isInterpreter reports whether a program runs the file that its arguments name. Versions, as in "python3.11", make no difference.
func isInterpreter(program string) bool {
	switch strings.TrimRight(program, "0123456789.-") {
	case "python", "pypy", "perl", "ruby", "node", "nodejs", "php", "lua", "luajit", "tclsh", "java", "bash", "sh", "dash", "ash", "ksh", "zsh", "Rscript", "guile":
		return true
	}
	return false
}
