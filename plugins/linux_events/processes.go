package linuxevents

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// processes counts what happens to processes, and makes events of what somebody may look for.
type processes struct {
	host      string
	signals   string
	groups    *groups
	oomAtExit bool // the kernel does not tell when it chooses a victim

	forks, execs, exits      uint64
	failedCode, failedSignal uint64
	oomKills                 uint64
	droppedEvents            uint64
	events                   []telemetry.Event
}

// maxEvents bounds the events that wait to be emitted.
const maxEvents = 1000

// handle takes an event of the kernel. at is its time.
func (p *processes) handle(e *bpf.ProcessEvent, at time.Time) {
	switch e.Kind {
	case bpf.ProcessFork:
		p.forks++
	case bpf.ProcessExec:
		p.execs++
	case bpf.ProcessOOM:
		p.oomKill(e, at)
	case bpf.ProcessExit:
		p.exits++
		p.countFailure(&e.Final)
		switch {
		case e.OOMVictim && p.oomAtExit:
			p.oomKill(e, at)
		case !e.OOMVictim && p.wantsSignal(&e.Final):
			p.signalled(e, at)
		}
	}
}

func (p *processes) countFailure(f *bpf.ProcessTotals) {
	switch {
	case f.Signal != 0:
		p.failedSignal++
	case f.ExitCode != 0:
		p.failedCode++
	}
}

func (p *processes) oomKill(e *bpf.ProcessEvent, at time.Time) {
	p.oomKills++
	event := p.event(e, at, "oom_kill")
	event.Message = "killed by the OOM killer: " + nameOf(e) + " (PID " + strconv.Itoa(e.Process.PID) + ")"
	if group := p.groups.find(e.Process.PID); group != "" {
		event.Message += ", control group " + group
		event.Fields = append(event.Fields, telemetry.Text("cgroup", group))
	}
	p.add(event)
}

// wantsSignal reports whether the end of a process by a signal is worth an event.
func (p *processes) wantsSignal(f *bpf.ProcessTotals) bool {
	if f.Signal == 0 || p.signals == signalsNone {
		return false
	}
	if p.signals == signalsAll {
		return true
	}
	switch signalName(f.Signal) {
	case "SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS":
		return true
	}
	return false
}

func (p *processes) signalled(e *bpf.ProcessEvent, at time.Time) {
	name := signalName(e.Final.Signal)
	event := p.event(e, at, "signal")
	event.Message = fmt.Sprintf("ended by %s: %s (PID %d)", name, nameOf(e), e.Process.PID)
	event.Fields = append(event.Fields, telemetry.Text("signal", name), telemetry.Bool("core_dumped", e.Final.CoreDumped),
		telemetry.Int("ppid", int64(e.Process.Parent)), telemetry.Int("peak_rss_bytes", e.Final.PeakRSS), telemetry.Float("cpu_seconds", e.Final.CPU.Seconds()))
	p.add(event)
}

// event returns what all events about a process have.
func (p *processes) event(e *bpf.ProcessEvent, at time.Time, kind string) telemetry.Event {
	return telemetry.Event{
		Time: at, Severity: telemetry.Error, Host: p.host, App: "kernel",
		Fields: []telemetry.Field{
			telemetry.Text("event", kind), telemetry.Int("pid", int64(e.Process.PID)), telemetry.Text("comm", nameOf(e)), telemetry.Int("uid", int64(e.Process.UID)),
		},
	}
}

// nameOf returns the name of a process, which it chose itself, in a form that is safe in a line.
func nameOf(e *bpf.ProcessEvent) string {
	if name := metric.LabelValue(e.Process.Comm(), 64); name != "" {
		return name
	}
	return "?"
}

func (p *processes) add(e telemetry.Event) {
	if len(p.events) >= maxEvents {
		p.droppedEvents++
		return
	}
	p.events = append(p.events, e)
}

// takeEvents returns the events since the last call.
func (p *processes) takeEvents() []telemetry.Event {
	events := p.events
	p.events = nil
	return events
}

// groups finds the control group that limits the memory of a process.
type groups struct{ root hostfs.Root }

func newGroups(root hostfs.Root) *groups { return &groups{root} }

// find returns the path of the control group of a process, "" if it is gone.
func (g *groups) find(pid int) string {
	file := g.root.ProcFile(strconv.Itoa(pid), "cgroup")
	defer func() { _ = file.Close() }()
	data, err := file.Read()
	if err != nil {
		return ""
	}
	return metric.LabelValue(memoryGroup(data), 200)
}

// memoryGroup returns the path in /proc/PID/cgroup (cgroups(7)) of the controller "memory", else that of the unified hierarchy.
func memoryGroup(data []byte) (path string) {
	for line := range bytes.Lines(data) {
		parts := bytes.SplitN(bytes.TrimSuffix(line, []byte{'\n'}), []byte{':'}, 3)
		if len(parts) < 3 {
			continue
		}
		for controller := range bytes.SplitSeq(parts[1], []byte{','}) {
			if string(controller) == "memory" {
				return string(parts[2])
			}
		}
		if len(parts[1]) == 0 {
			path = string(parts[2])
		}
	}
	return path
}

// signalName returns the name of a signal of Linux (signal(7)).
func signalName(n int) string {
	names := [...]string{
		1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 10: "SIGUSR1",
		11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 16: "SIGSTKFLT", 24: "SIGXCPU", 25: "SIGXFSZ", 26: "SIGVTALRM",
		27: "SIGPROF", 29: "SIGIO", 30: "SIGPWR", 31: "SIGSYS",
	}
	if n > 0 && n < len(names) && names[n] != "" {
		return names[n]
	}
	return "signal " + strconv.Itoa(n)
}
