package linuxnet

import (
	"errors"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// link is what /sys/class/net/<interface> says about the line (Documentation/ABI/testing/sysfs-class-net). It is nil where
// there is no such directory: in a container without the host's /sys, or for an alias such as eth0:1.
type link struct {
	carrier, changes, speed *hostfs.File

	up       *telemetry.Series
	changed  *telemetry.Total
	capacity *telemetry.Series

	asked    float64 // carrier changes when the speed was asked for
	bits     float64 // per second; 0: not known
	hasAsked bool
}

func newLink(f *telemetry.Factory, root hostfs.Root, name string, label telemetry.Label) *link {
	file := func(attribute string) *hostfs.File { return root.SysFile("class", "net", name, attribute) }
	l := &link{
		carrier: file("carrier"), changes: file("carrier_changes"), speed: file("speed"),
		up:       f.Gauge("net_carrier", telemetry.None, label),
		changed:  f.Counter("net_carrier_changes", telemetry.None, label),
		capacity: f.Gauge("net_speed", telemetry.Bits.PerSecond(), label),
	}
	if data, err := l.carrier.ReadOptional(); data == nil && err == nil {
		return nil
	}
	return l
}

func (l *link) add(out *telemetry.Batch) error {
	up, err := number(l.carrier)
	if errors.Is(err, syscall.EINVAL) { // the interface is switched off
		up, err = 0, nil
	}
	if err != nil {
		return hostfs.UnlessMissing(err) // removed while we read
	}
	out.Add(l.up, up)
	changes, err := number(l.changes)
	if err == nil { // Linux 3.15
		l.changed.Add(out, changes)
	}
	if !l.hasAsked || l.asked != changes {
		l.ask(changes)
	}
	if up > 0 && l.bits > 0 {
		out.Add(l.capacity, l.bits)
	}
	return nil
}

// ask reads the speed, which is negotiated when the carrier comes: some drivers ask the hardware, and all take a lock
// that every change of the network's configuration waits for.
func (l *link) ask(changes float64) {
	const megabit = 1e6
	mbits, err := number(l.speed)
	if err != nil { // the driver does not say, or there is no carrier
		mbits = 0
	}
	l.bits, l.asked, l.hasAsked = mbits*megabit, changes, true
}

// number reads a file that holds one; -1, which drivers say for "unknown", is 0.
func number(f *hostfs.File) (float64, error) {
	data, err := f.Read()
	if err != nil {
		return 0, err
	}
	field, _ := scan.Field(data)
	v, _ := scan.Uint(field)
	return float64(v), nil
}
