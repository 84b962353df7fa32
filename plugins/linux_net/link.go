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

// link reads the state of a link from /sys/class/net/<interface> (Documentation/ABI/testing/sysfs-class-net). It is nil
// if that directory does not exist: in a container without the host's /sys, or for an alias such as eth0:1.
type link struct {
	carrierFile, changesFile, speedFile *hostfs.File

	upSeries     *telemetry.Series
	changesTotal *telemetry.Total
	speedSeries  *telemetry.Series

	hasHardware   bool    // the interface has hardware, possibly virtual hardware
	changesAtRead float64 // carrier changes when the speed was read
	bitsPerSecond float64 // per second; 0: unknown
	speedRead     bool
}

func newLink(f *telemetry.Factory, root hostfs.Root, name string, label telemetry.Label) *link {
	file := func(attribute string) *hostfs.File { return root.SysValue("class", "net", name, attribute) }
	l := &link{
		carrierFile: file("carrier"), changesFile: file("carrier_changes"), speedFile: file("speed"),
		upSeries:     f.Gauge("net_carrier", telemetry.None, label).Within(0, 1),
		changesTotal: f.Counter("net_carrier_changes", telemetry.None, label),
		speedSeries:  f.Gauge("net_speed", telemetry.Bits.PerSecond(), label),
	}
	if data, err := l.carrierFile.ReadOptional(); data == nil && err == nil {
		return nil
	}
	l.hasHardware = !isVirtualDevice(filepath.Dir(l.carrierFile.Path()))
	return l
}

// isVirtualDevice reports whether an interface's directory in /sys/class/net links to a device without hardware. The speed of
// such a device is only nominal: a tap device reports 10 Mbit/s, and a bridge reports the speed of its fastest port.
func isVirtualDevice(dir string) bool {
	target, err := os.Readlink(dir)
	return err == nil && strings.Contains(filepath.ToSlash(target), "/virtual/")
}

// speedMargin is the multiple of its speed that an interface may transfer. Network cards of virtual machines do not
// enforce their speed: VMware's vmxnet3 reports 10 Gbit/s and transfers several times that.
const speedMargin = 10

// maxBitsPerSecond returns how much the interface can transfer in one direction, or 0 if that is unknown.
func (l *link) maxBitsPerSecond() float64 {
	if !l.hasHardware {
		return 0
	}
	return speedMargin * l.bitsPerSecond
}

func (l *link) addSamples(out *telemetry.Batch) error {
	up, err := readNumber(l.carrierFile)
	if errors.Is(err, syscall.EINVAL) { // the interface is administratively down
		up, err = 0, nil
	}
	if err != nil {
		return hostfs.IgnoreMissing(err) // removed during the gather
	}
	out.Add(l.upSeries, up)
	changes, err := readNumber(l.changesFile)
	if err == nil { // Linux 3.15
		l.changesTotal.Add(out, changes)
	}
	if !l.speedRead || l.changesAtRead != changes {
		l.readSpeed(changes)
	}
	if up > 0 && l.bitsPerSecond > 0 {
		out.Add(l.speedSeries, l.bitsPerSecond)
	}
	return nil
}

// readSpeed reads the speed. The speed is negotiated when the carrier appears, so it is read only after a carrier
// change: some drivers query the hardware, and all take a lock that every change of the network configuration waits for.
func (l *link) readSpeed(changes float64) {
	const megabit = 1e6
	mbits, err := readNumber(l.speedFile)
	if err != nil || isUnknownSpeed(mbits) { // the driver does not report it, or there is no carrier
		mbits = 0
	}
	l.bitsPerSecond, l.changesAtRead, l.speedRead = mbits*megabit, changes, true
}

// isUnknownSpeed reports whether a speed means "unknown": SPEED_UNKNOWN is -1, which some drivers store in 16 or 32
// unsigned bits (include/uapi/linux/ethtool.h).
func isUnknownSpeed(mbits float64) bool { return mbits == math.MaxUint16 || mbits >= math.MaxUint32 }

// readNumber reads a file that contains one number. A negative number is an error.
func readNumber(f *hostfs.File) (float64, error) {
	data, err := f.Read()
	if err != nil {
		return 0, err
	}
	field, _ := scan.CutField(data)
	v, ok := scan.ParseUint(field)
	if !ok {
		return 0, fmt.Errorf("parse %s: not a number", f.Path())
	}
	return float64(v), nil
}
