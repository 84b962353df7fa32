package linuxsensors

import (
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// kind is one kind of a chip's sensors: Documentation/hwmon/sysfs-interface.rst.
type kind struct {
	metric  string
	unit    telemetry.Unit
	divisor float64 // what the kernel's unit is of ours
	counter bool
	least   int64 // in the kernel's unit
}

// noLeast is that of a kind whose readings may be anything.
const noLeast = math.MinInt64

// absoluteZero is what drivers go below who mean "no reading": THERMAL_TEMP_INVALID is -274000.
const absoluteZero = -273150

// hottest is the greatest limit that is believed. NVMe disks without a limit name one of 65262 °C.
const hottest = 1000_000

func kindOf(name string) (k kind, ok bool) {
	switch name {
	case "temp":
		k = kind{metric: "sensor_temperature", unit: telemetry.Celsius, divisor: 1e3, least: absoluteZero}
	case "fan":
		k = kind{metric: "sensor_fan", unit: telemetry.RPM, divisor: 1}
	case "in":
		k = kind{metric: "sensor_voltage", unit: telemetry.Volts, divisor: 1e3, least: noLeast}
	case "curr":
		k = kind{metric: "sensor_current", unit: telemetry.Amperes, divisor: 1e3, least: noLeast}
	case "power":
		k = kind{metric: "sensor_power", unit: telemetry.Watts, divisor: 1e6, least: noLeast}
	case "energy":
		k = kind{metric: "sensor_energy", unit: telemetry.Joules, divisor: 1e6, counter: true}
	case "humidity":
		k = kind{metric: "sensor_humidity", unit: telemetry.Percent, divisor: 1e3}
	case "freq":
		k = kind{metric: "sensor_frequency", unit: telemetry.Hertz, divisor: 1}
	case "intrusion":
		k = kind{metric: "sensor_intrusion", divisor: 1} // has nothing but an alarm
	default:
		return k, false
	}
	return k, true
}

// channel is one sensor of a chip: temp1 with all its files.
type channel struct {
	kind
	attribute string // "temp1"
	number    int
	label     string          // what the board's maker calls it
	files     map[string]bool // "input", "crit" …
	alarms    []string        // "alarm", "crit_alarm", "fault" …
}

// openChip adds the sensors of a chip of /sys/class/hwmon. One without a name is not ready, or never gets one: it is called
// like its directory, and looked at again with every search.
func (in *input) openChip(p *place) bool {
	dir, name, files, ok := in.lookIntoChip(p)
	if !ok {
		return false
	}
	chip := p.name
	if name != "" {
		chip = in.nameChip(name, p)
	}
	if in.config.excludes(chip, name) {
		return true
	}
	for _, c := range channels(dir, files) {
		if in.config.wants(chip, name, chip+"/"+c.label, name+"/"+c.label) {
			in.addChannel(p, dir, chip, c)
		}
	}
	return name != ""
}

// lookIntoChip returns the directory that has the files of a chip, the chip's name, which may be empty, and the files.
func (in *input) lookIntoChip(p *place) (dir, name string, files []string, ok bool) {
	if name = text(p.path, "name"); name != "" {
		return p.path, name, p.files, true
	}
	dir = filepath.Join(p.path, "device") // before Linux 3.13, and in some drivers still, all but the number is here
	if name = text(dir, "name"); name == "" {
		return p.path, "", p.files, true
	}
	in.inner.Move(dir)
	names, err := in.inner.Names()
	for _, f := range names {
		files = append(files, string(f))
	}
	return dir, name, files, err == nil
}

// nameChip returns a name that is the same after every start and that no other chip has: that of sensors(1).
func (in *input) nameChip(name string, p *place) string {
	device := ""
	if target := resolve(p.path, "device"); target != filepath.Join(p.path, "device") {
		device = target
	}
	in.forgetChip(p.path)
	chip := name + "-" + address(in.sys, device)
	for _, next := range []string{filepath.Base(device), p.name} { // "." is the base of no device
		if in.chips[chip] != "" && next != "." {
			chip += "-" + next
		}
	}
	in.chips[chip] = p.path
	return chip
}

// forgetChip gives up the name of the chip at path.
func (in *input) forgetChip(path string) {
	maps.DeleteFunc(in.chips, func(_, owner string) bool { return owner == path })
}

// channels collects the sensors of a chip, in the order of their kinds and numbers.
func channels(dir string, files []string) []*channel {
	found := map[string]*channel{}
	for _, file := range files {
		prefix, number, what, ok := parseAttribute(file)
		k, known := kindOf(prefix)
		if !ok || !known {
			continue
		}
		attribute := prefix + strconv.Itoa(number)
		c := found[attribute]
		if c == nil {
			c = &channel{kind: k, attribute: attribute, number: number, files: map[string]bool{}}
			found[attribute] = c
		}
		c.files[what] = true
		if what == "alarm" || what == "fault" || strings.HasSuffix(what, "_alarm") {
			c.alarms = append(c.alarms, what)
		}
	}
	list := slices.SortedFunc(maps.Values(found), func(a, b *channel) int {
		if a.metric != b.metric {
			return strings.Compare(a.metric, b.metric)
		}
		return a.number - b.number
	})
	for _, c := range list {
		slices.Sort(c.alarms)
		if c.files["label"] {
			c.label = text(dir, c.attribute+"_label")
		}
	}
	nameChannels(list)
	return list
}

// nameChannels gives each sensor of a chip a name that no other of its kind has: its label, with the file's name behind
// it where a label is there twice.
func nameChannels(list []*channel) {
	count := map[string]int{}
	id := func(c *channel) string { return c.metric + "/" + c.label }
	for _, c := range list {
		if c.label == "" {
			c.label = c.attribute
		}
		count[id(c)]++
	}
	taken := map[string]bool{}
	for _, c := range list {
		if count[id(c)] > 1 && c.label != c.attribute {
			c.label += " " + c.attribute
		}
		for taken[id(c)] {
			c.label = c.attribute + " " + c.label
		}
		taken[id(c)] = true
	}
}

// addChannel adds the readers of one sensor.
func (in *input) addChannel(p *place, dir, chip string, c *channel) {
	labels := []telemetry.Label{{Key: "chip", Value: chip}, {Key: "sensor", Value: c.label}}
	id := "/" + chip + "/" + c.attribute + "/" + c.label
	file := func(what string) string { return filepath.Join(dir, c.attribute+"_"+what) }
	if what := c.reading(); what != "" {
		p.add(c.metric+id, func() reader {
			s := &sensor{values: []value{in.files.value(file(what))}, divisor: c.divisor, least: c.least}
			if c.counter {
				s.total = in.factory.Counter(c.metric, c.unit, labels...)
			} else {
				s.series = in.factory.Gauge(c.metric, c.unit, labels...)
			}
			return s
		})
	}
	for _, what := range []string{"max", "crit"} {
		if c.unit == telemetry.Celsius && c.files[what] {
			p.add(c.metric+"_"+what+id, func() reader {
				return &limit{value: value{file: hostfs.NewValue(file(what))}, divisor: c.divisor, least: absoluteZero, most: hottest,
					series: in.factory.Gauge(c.metric+"_"+what, c.unit, labels...)}
			})
		}
	}
	if len(c.alarms) > 0 {
		p.add(c.metric+"_alarm"+id+strings.Join(c.alarms, ","), func() reader {
			s := &sensor{divisor: 1, series: in.factory.Gauge(c.metric+"_alarm", telemetry.None, labels...)}
			for _, what := range c.alarms {
				s.values = append(s.values, in.files.value(file(what)))
			}
			return s
		})
	}
}

// reading is the file with the sensor's value: that of this moment rather than an average.
func (c *channel) reading() string {
	for _, what := range []string{"input", "average"} {
		if c.files[what] {
			return what
		}
	}
	return ""
}
