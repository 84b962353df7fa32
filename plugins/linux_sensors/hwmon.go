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

// sensorKind is a kind of sensors of a chip (Documentation/hwmon/sysfs-interface.rst).
type sensorKind struct {
	metric    string
	unit      telemetry.Unit
	divisor   float64 // from the kernel's unit to ours
	isCounter bool
	minimum   int64 // in the kernel's unit; smaller readings are left out
}

// noMinimum is the minimum of kinds with arbitrary readings.
const noMinimum = math.MinInt64

// absoluteZero is in millidegrees. Drivers report less for "no reading": THERMAL_TEMP_INVALID is -274000.
const absoluteZero = -273150

// maxTemperatureLimit is in millidegrees. NVMe disks without a limit report 65262 °C.
const maxTemperatureLimit = 1000_000

func sensorKindOf(name string) (k sensorKind, ok bool) {
	switch name {
	case "temp":
		k = sensorKind{metric: "sensor_temperature", unit: telemetry.Celsius, divisor: 1e3, minimum: absoluteZero}
	case "fan":
		k = sensorKind{metric: "sensor_fan", unit: telemetry.RPM, divisor: 1}
	case "in":
		k = sensorKind{metric: "sensor_voltage", unit: telemetry.Volts, divisor: 1e3, minimum: noMinimum}
	case "curr":
		k = sensorKind{metric: "sensor_current", unit: telemetry.Amperes, divisor: 1e3, minimum: noMinimum}
	case "power":
		k = sensorKind{metric: "sensor_power", unit: telemetry.Watts, divisor: 1e6, minimum: noMinimum}
	case "energy":
		k = sensorKind{metric: "sensor_energy", unit: telemetry.Joules, divisor: 1e6, isCounter: true}
	case "humidity":
		k = sensorKind{metric: "sensor_humidity", unit: telemetry.Percent, divisor: 1e3}
	case "freq":
		k = sensorKind{metric: "sensor_frequency", unit: telemetry.Hertz, divisor: 1}
	case "intrusion":
		k = sensorKind{metric: "sensor_intrusion", divisor: 1} // has only an alarm
	default:
		return k, false
	}
	return k, true
}

// channel is one sensor of a chip: temp1 with all its files.
type channel struct {
	sensorKind
	attribute string // "temp1"
	number    int
	label     string          // the driver's label, or the attribute
	files     map[string]bool // "input", "crit" …
	alarms    []string        // "alarm", "crit_alarm", "fault" …
}

// openChip adds the sensors of a chip of /sys/class/hwmon. A chip without a name is not ready yet, or never has one. It
// is named after its directory, and opened again by every search.
func (in *input) openChip(p *candidate) bool {
	dir, name, files, ok := in.findChipFiles(p)
	if !ok {
		return false
	}
	chip := p.name
	if name != "" {
		chip = in.claimChipName(name, p)
	}
	if in.config.excludesAny(chip, name) {
		return true
	}
	for _, c := range collectChannels(dir, files) {
		if in.config.includesAny(chip, name, chip+"/"+c.label, name+"/"+c.label) {
			in.addChannel(p, dir, chip, c)
		}
	}
	return name != ""
}

// findChipFiles returns the directory with the files of a chip, the chip's name, which may be empty, and the files.
func (in *input) findChipFiles(p *candidate) (dir, name string, files []string, ok bool) {
	if name = readText(p.path, "name"); name != "" {
		return p.path, name, p.files, true
	}
	dir = filepath.Join(p.path, "device") // before Linux 3.13, and with some drivers still, the files are here
	if name = readText(dir, "name"); name == "" {
		return p.path, "", p.files, true
	}
	in.entityDir.SetPath(dir)
	names, err := in.entityDir.Names()
	for _, f := range names {
		files = append(files, string(f))
	}
	return dir, name, files, err == nil
}

// claimChipName returns a name that no other chip has and that is the same after every boot: the one of sensors(1).
func (in *input) claimChipName(name string, p *candidate) string {
	device := ""
	if target := resolveLink(p.path, "device"); target != filepath.Join(p.path, "device") {
		device = target
	}
	in.releaseChipName(p.path)
	chip := name + "-" + chipAddress(in.sys, device)
	for _, next := range []string{filepath.Base(device), p.name} { // "." means that there is no device
		if in.chipNames[chip] != "" && next != "." {
			chip += "-" + next
		}
	}
	in.chipNames[chip] = p.path
	return chip
}

// releaseChipName releases the name of the chip at path.
func (in *input) releaseChipName(path string) {
	maps.DeleteFunc(in.chipNames, func(_, owner string) bool { return owner == path })
}

// collectChannels returns the sensors of a chip, sorted by kind and number.
func collectChannels(dir string, files []string) []*channel {
	found := map[string]*channel{}
	for _, file := range files {
		prefix, number, what, ok := parseAttribute(file)
		k, known := sensorKindOf(prefix)
		if !ok || !known {
			continue
		}
		attribute := prefix + strconv.Itoa(number)
		c := found[attribute]
		if c == nil {
			c = &channel{sensorKind: k, attribute: attribute, number: number, files: map[string]bool{}}
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
			c.label = readText(dir, c.attribute+"_label")
		}
	}
	makeLabelsUnique(list)
	return list
}

// makeLabelsUnique gives each sensor of a chip a label that no other sensor of its kind has. It appends the file name to
// labels that appear twice.
func makeLabelsUnique(list []*channel) {
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
func (in *input) addChannel(p *candidate, dir, chip string, c *channel) {
	labels := []telemetry.Label{{Key: "chip", Value: chip}, {Key: "sensor", Value: c.label}}
	id := "/" + chip + "/" + c.attribute + "/" + c.label
	file := func(what string) string { return filepath.Join(dir, c.attribute+"_"+what) }
	if what := c.readingSuffix(); what != "" {
		p.addReader(c.metric+id, func() reader {
			s := &sensor{files: []numberFile{in.budget.newNumberFile(file(what))}, divisor: c.divisor, minimum: c.minimum}
			if c.isCounter {
				s.total = in.factory.Counter(c.metric, c.unit, labels...)
			} else {
				s.series = in.factory.Gauge(c.metric, c.unit, labels...)
			}
			return s
		})
	}
	for _, what := range []string{"max", "crit"} {
		if c.unit == telemetry.Celsius && c.files[what] {
			p.addReader(c.metric+"_"+what+id, func() reader {
				return &limit{file: numberFile{file: hostfs.NewValue(file(what))}, divisor: c.divisor, minimum: absoluteZero, maximum: maxTemperatureLimit,
					series: in.factory.Gauge(c.metric+"_"+what, c.unit, labels...)}
			})
		}
	}
	if len(c.alarms) > 0 {
		p.addReader(c.metric+"_alarm"+id+strings.Join(c.alarms, ","), func() reader {
			s := &sensor{divisor: 1, series: in.factory.Gauge(c.metric+"_alarm", telemetry.None, labels...)}
			for _, what := range c.alarms {
				s.files = append(s.files, in.budget.newNumberFile(file(what)))
			}
			return s
		})
	}
}

// readingSuffix returns the suffix of the file with the sensor's value. It prefers the current value to an average.
func (c *channel) readingSuffix() string {
	for _, what := range []string{"input", "average"} {
		if c.files[what] {
			return what
		}
	}
	return ""
}
