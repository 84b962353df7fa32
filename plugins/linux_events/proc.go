package linuxevents

import (
	"errors"
	"fmt"
	"time"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// procSource reads what /proc has of the input's metrics, and the names of disks.
type procSource struct {
	stat, vmstat, snmp, diskstats *hostfs.File
	oomKills                      telemetry.Growth
}

func newProcSource(root hostfs.Root) *procSource {
	return &procSource{stat: root.ProcFile("stat"), vmstat: root.ProcFile("vmstat"), snmp: root.HostFile("net", "snmp"), diskstats: root.ProcFile("diskstats")}
}

// gatherProc reports forks (with threads), OOM kills and TCP retransmits.
func (in *input) gatherProc(out *telemetry.Batch) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return errors.Join(in.gatherForks(out), in.gatherOOM(out), in.gatherTCP(out))
}

func (in *input) gatherForks(out *telemetry.Batch) error {
	data, err := in.proc.stat.ReadOptional()
	if err != nil {
		return err
	}
	if n, ok := scan.FindValue(data, "processes "); ok {
		in.series.forks.Add(out, float64(n))
	}
	return nil
}

// gatherOOM also makes an event of each growth, though nobody knows of which process.
func (in *input) gatherOOM(out *telemetry.Batch) error {
	data, err := in.proc.vmstat.ReadOptional()
	if err != nil {
		return err
	}
	n, ok := scan.FindValue(data, "oom_kill ") // since Linux 4.13
	if !ok {
		return nil
	}
	in.series.oomKills.Add(out, float64(n))
	if killed, ok := in.proc.oomKills.Step(float64(n)); ok && killed > 0 {
		out.Events = append(out.Events, telemetry.Event{
			Time: time.UnixMilli(out.Time), Severity: telemetry.Error, Host: in.processes.host, App: "kernel",
			Message: fmt.Sprintf("killed by the OOM killer: %.0f processes; the kernel's log names them", killed),
			Fields:  []telemetry.Field{telemetry.Text("event", "oom_kill"), telemetry.Int("processes", int64(killed))},
		})
	}
	return nil
}

func (in *input) gatherTCP(out *telemetry.Batch) error {
	data, err := in.proc.snmp.ReadOptional()
	if err != nil {
		return err
	}
	if n, ok := findColumn(data, "Tcp", "RetransSegs"); ok {
		in.series.retransmits.Get("all").Add(out, n)
	}
	if n, ok := findColumn(data, "Tcp", "OutRsts"); ok {
		in.series.resetsSent.Get("all").Add(out, n)
	}
	return nil
}

// findColumn finds a value in a file that has a line of names before each line of values.
func findColumn(data []byte, block, column string) (v float64, ok bool) {
	for {
		header, title, values, rest := scan.NextPair(data)
		if header == nil {
			return 0, false
		}
		data = rest
		if string(title) != block {
			continue
		}
		_, names := scan.CutField(header) // without the title
		for {
			var name, value []byte
			name, names = scan.CutField(names)
			value, values = scan.CutField(values)
			if len(name) == 0 || len(value) == 0 {
				return 0, false
			}
			if string(name) == column {
				n, ok := scan.ParseUint(value)
				return float64(n), ok
			}
		}
	}
}
