package linuxnet

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
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

	hasWire  bool    // the interface is hardware, if only that of a virtual machine
	asked    float64 // carrier changes when the speed was asked for
	bits     float64 // per second; 0: not known
	hasAsked bool
}

func newLink(f *telemetry.Factory, root hostfs.Root, name string, label telemetry.Label) *link {
	file := func(attribute string) *hostfs.File { return root.SysFile("class", "net", name, attribute) }
	l := &link{
		carrier: file("carrier"), changes: file("carrier_changes"), speed: file("speed"),
		up:       f.Gauge("net_carrier", telemetry.None, label).Within(0, 1),
		changed:  f.Counter("net_carrier_changes", telemetry.None, label),
		capacity: f.Gauge("net_speed", telemetry.Bits.PerSecond(), label),
	}
	if data, err := l.carrier.ReadOptional(); data == nil && err == nil {
		return nil
	}
	l.hasWire = !isVirtual(filepath.Dir(l.carrier.Path()))
	return l
}

// isVirtual reports whether an interface's directory in /sys/class/net is a link to a device without hardware. The speed
// of those is only nominal: a tap device names 10 Mbit/s, and a bridge names what its fastest port names.
func isVirtual(dir string) bool {
	target, err := os.Readlink(dir)
	return err == nil && strings.Contains(filepath.ToSlash(target), "/virtual/")
}

// speedMargin is how many times its speed an interface may pass. Cards of virtual machines name a speed that is not enforced:
// VMware's vmxnet3 names 10 Gbit/s and passes several times that.
const speedMargin = 10

// mostBits is what can go through the interface per second, in one direction; 0 where that is not known.
func (l *link) mostBits() float64 {
	if !l.hasWire {
		return 0
	}
	return speedMargin * l.bits
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
	if err != nil || isUnknownSpeed(mbits) { // the driver does not say, or there is no carrier
		mbits = 0
	}
	l.bits, l.asked, l.hasAsked = mbits*megabit, changes, true
}

// isUnknownSpeed reports whether a driver means "unknown": SPEED_UNKNOWN is -1, which some keep in 16 or 32 bits without a
// sign (include/uapi/linux/ethtool.h).
func isUnknownSpeed(mbits float64) bool { return mbits == math.MaxUint16 || mbits >= math.MaxUint32 }

// number reads a file that holds one. A negative number is an error, too.
func number(f *hostfs.File) (float64, error) {
	data, err := f.Read()
	if err != nil {
		return 0, err
	}
	field, _ := scan.Field(data)
	v, ok := scan.Uint(field)
	if !ok {
		return 0, fmt.Errorf("parse %s: no number", f.Path())
	}
	return float64(v), nil
}
