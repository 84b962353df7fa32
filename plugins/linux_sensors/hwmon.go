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
func (in *input) openChip(c *candidate) bool {
	dir, name, files, ok := in.findChipFiles(c)
	if !ok {
		return false
	}
	chip := c.name
	if name != "" {
		chip = in.claimChipName(name, c)
	}
	if in.config.excludesAny(chip, name) {
		return true
	}
	for _, ch := range collectChannels(dir, files) {
		if in.config.includesAny(chip, name, chip+"/"+ch.label, name+"/"+ch.label) {
			in.addChannel(c, dir, chip, ch)
		}
	}
	return name != ""
}

// findChipFiles returns the directory with the files of a chip, the chip's name, which may be empty, and the files.
func (in *input) findChipFiles(c *candidate) (dir, name string, files []string, ok bool) {
	if name = readText(c.path, "name"); name != "" {
		return c.path, name, c.files, true
	}
	dir = filepath.Join(c.path, "device") // before Linux 3.13, and with some drivers still, the files are here
	if name = readText(dir, "name"); name == "" {
		return c.path, "", c.files, true
	}
	in.entityDir.SetPath(dir)
	names, err := in.entityDir.Names()
	for _, f := range names {
		files = append(files, string(f))
	}
	return dir, name, files, err == nil
}

// claimChipName returns a name that no other chip has and that is the same after every boot: the one of sensors(1).
func (in *input) claimChipName(name string, c *candidate) string {
	device := ""
	if target := resolveLink(c.path, "device"); target != filepath.Join(c.path, "device") {
		device = target
	}
	in.releaseChipName(c.path)
	chip := name + "-" + chipAddress(in.sys, device)
	for _, next := range []string{filepath.Base(device), c.name} { // "." means that there is no device
		if in.chipNames[chip] != "" && next != "." {
			chip += "-" + next
		}
	}
	in.chipNames[chip] = c.path
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
		prefix, number, suffix, ok := parseAttribute(file)
		k, known := sensorKindOf(prefix)
		if !ok || !known {
			continue
		}
		attribute := prefix + strconv.Itoa(number)
		ch := found[attribute]
		if ch == nil {
			ch = &channel{sensorKind: k, attribute: attribute, number: number, files: map[string]bool{}}
			found[attribute] = ch
		}
		ch.files[suffix] = true
		if suffix == "alarm" || suffix == "fault" || strings.HasSuffix(suffix, "_alarm") {
			ch.alarms = append(ch.alarms, suffix)
		}
	}
	list := slices.SortedFunc(maps.Values(found), func(a, b *channel) int {
		if a.metric != b.metric {
			return strings.Compare(a.metric, b.metric)
		}
		return a.number - b.number
	})
	for _, ch := range list {
		slices.Sort(ch.alarms)
		if ch.files["label"] {
			ch.label = readText(dir, ch.attribute+"_label")
		}
	}
	makeLabelsUnique(list)
	return list
}

// makeLabelsUnique gives each sensor of a chip a label that no other sensor of its kind has. It appends the file name to
// labels that appear twice.
func makeLabelsUnique(list []*channel) {
	count := map[string]int{}
	id := func(ch *channel) string { return ch.metric + "/" + ch.label }
	for _, ch := range list {
		if ch.label == "" {
			ch.label = ch.attribute
		}
		count[id(ch)]++
	}
	taken := map[string]bool{}
	for _, ch := range list {
		if count[id(ch)] > 1 && ch.label != ch.attribute {
			ch.label += " " + ch.attribute
		}
		for taken[id(ch)] {
			ch.label = ch.attribute + " " + ch.label
		}
		taken[id(ch)] = true
	}
}

// addChannel adds the readers of one sensor.
func (in *input) addChannel(c *candidate, dir, chip string, ch *channel) {
	labels := []telemetry.Label{{Key: "chip", Value: chip}, {Key: "sensor", Value: ch.label}}
	id := "/" + chip + "/" + ch.attribute + "/" + ch.label
	file := func(suffix string) string { return filepath.Join(dir, ch.attribute+"_"+suffix) }
	if suffix := ch.readingSuffix(); suffix != "" {
		c.addReader(ch.metric+id, func() reader {
			s := &sensor{files: []numberFile{in.budget.newNumberFile(file(suffix))}, divisor: ch.divisor, minimum: ch.minimum}
			if ch.isCounter {
				s.total = in.factory.Counter(ch.metric, ch.unit, labels...)
			} else {
				s.series = in.factory.Gauge(ch.metric, ch.unit, labels...)
			}
			return s
		})
	}
	for _, suffix := range []string{"max", "crit"} {
		if ch.unit == telemetry.Celsius && ch.files[suffix] {
			c.addReader(ch.metric+"_"+suffix+id, func() reader {
				return &limit{file: numberFile{file: hostfs.NewValue(file(suffix))}, divisor: ch.divisor, minimum: absoluteZero, maximum: maxTemperatureLimit,
					series: in.factory.Gauge(ch.metric+"_"+suffix, ch.unit, labels...)}
			})
		}
	}
	if len(ch.alarms) > 0 {
		c.addReader(ch.metric+"_alarm"+id+strings.Join(ch.alarms, ","), func() reader {
			s := &sensor{divisor: 1, series: in.factory.Gauge(ch.metric+"_alarm", telemetry.None, labels...)}
			for _, suffix := range ch.alarms {
				s.files = append(s.files, in.budget.newNumberFile(file(suffix)))
			}
			return s
		})
	}
}

// readingSuffix returns the suffix of the file with the sensor's value. It prefers the current value to an average.
func (ch *channel) readingSuffix() string {
	for _, suffix := range []string{"input", "average"} {
		if ch.files[suffix] {
			return suffix
		}
	}
	return ""
}
