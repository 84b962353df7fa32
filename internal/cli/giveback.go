package cli

import (
	"bytes"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// giveBackAfter is when the agent has started: the configuration is decoded, everything is connected, every series is
// known, and each piece of code that works at every gather has worked.
const giveBackAfter = 30 * time.Second

// gcPercent lets the heap grow by half of what is alive between two collections instead of doubling it. An agent makes
// little garbage, so that collections stay tens of seconds apart, and a full buffer costs half as much again, not twice.
const gcPercent = 50

// saveMemory sets the runtime up for a program that runs for years beside others, unless the user has set it up.
func (a *App) saveMemory() {
	if _, set := a.Getenv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
}

// giveBack returns the memory that only starting took, which is a third of it: the garbage of decoding and connecting,
// and the pages of the program's own file that ran once. Those that are needed again come back from the page cache.
func giveBack() {
	debug.FreeOSMemory()
	dropProgramPages()
}

// span is a piece of this process's memory.
type span struct{ from, to uint64 }

// programSpans finds where the file called exe is mapped and cannot be written, in /proc/self/maps: proc(5).
func programSpans(maps []byte, exe string) []span {
	var spans []span
	for len(maps) > 0 {
		var line, fields []byte
		line, maps = scan.Line(maps)
		area, rest := scan.Field(line)
		mode, rest := scan.Field(rest)
		for range 3 { // offset, device, inode
			fields, rest = scan.Field(rest)
		}
		if len(fields) == 0 || len(mode) < 2 || mode[1] == 'w' || string(bytes.TrimLeft(rest, " ")) != exe {
			continue
		}
		first, last, _ := bytes.Cut(area, []byte{'-'})
		from, errFrom := strconv.ParseUint(string(first), 16, 64)
		to, errTo := strconv.ParseUint(string(last), 16, 64)
		if errFrom == nil && errTo == nil && from < to {
			spans = append(spans, span{from, to})
		}
	}
	return spans
}
