package proctable

import (
	"fmt"
	"path/filepath"
	"strings"
)

// ID identifies a process. The kernel uses a PID again; together with the start it is unique.
type ID struct {
	PID   int
	Start uint64 // clock ticks since the system started, as in /proc/PID/stat
}

// Process is a process that runs or has run. Info is what the owner of the table keeps about it.
type Process[T any] struct {
	ID
	Parent  *Process[T] // who started it, also when that one has ended; nil: unknown
	UID     uint32
	Comm    string // valid UTF-8, never empty; may hold control characters
	Cmdline string // redacted; empty for what has none
	Kernel  bool   // it is a thread of the kernel
	Info    T

	depth    int    // number of ancestors
	executed bool   // its command line is its own
	ended    bool   // or is gone
	round    uint32 // the last scan that found it
}

// maxDepth is how many ancestors are kept. A process that replaces itself again and again would have any number.
const maxDepth = 128

// Ancestry returns the ancestors and the process itself, the first one first: "systemd:1 > bash:20 > curl:300". It leaves out those in
// the middle if there are many.
func (p *Process[T]) Ancestry() string {
	var chain []*Process[T]
	for a := p; a != nil; a = a.Parent {
		chain = append(chain, a)
	}
	const first, last = 2, 12
	var text strings.Builder
	for i := len(chain) - 1; i >= 0; i-- {
		if text.Len() > 0 {
			text.WriteString(" > ")
		}
		if i >= last && i < len(chain)-first {
			fmt.Fprintf(&text, "… %d more …", i-last+1)
			i = last
			continue
		}
		fmt.Fprintf(&text, "%s:%d", chain[i].Comm, chain[i].PID)
	}
	return text.String()
}

// displayName returns the name of a process as text: comm as valid UTF-8, or the base name of its program, or its PID.
func displayName(comm string, argv []string, pid int) string {
	if name := strings.ToValidUTF8(comm, "\ufffd"); name != "" {
		return name
	}
	if len(argv) > 0 {
		if name := filepath.Base(strings.ToValidUTF8(argv[0], "\ufffd")); name != "." && name != "/" {
			return name
		}
	}
	return fmt.Sprintf("pid-%d", pid)
}

// Depth returns how many ancestors are known.
func (p *Process[T]) Depth() int { return p.depth }

// HasEnded reports whether the process is known to have ended.
func (p *Process[T]) HasEnded() bool { return p.ended }
