package linuxsensors

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// parseValue parses a file of /sys that contains one number. found is false for an empty file, and for text such as
// "<unknown>", which the kernel writes if it has no value. ok is false for anything else.
func parseValue(data []byte) (n int64, found, ok bool) {
	field, rest := scan.CutField(data)
	if len(field) == 0 || field[0] == '<' {
		return 0, false, true
	}
	n, ok = scan.ParseInt(field)
	if next, _ := scan.CutField(rest); len(next) > 0 {
		return 0, false, false
	}
	return n, ok, ok
}

// parseAttribute splits the name of a chip's file, such as temp1_crit_alarm (Documentation/hwmon/sysfs-interface.rst).
func parseAttribute(name string) (kind string, number int, suffix string, ok bool) {
	start := 0
	for start < len(name) && name[start] >= 'a' && name[start] <= 'z' {
		start++
	}
	end := start
	for end < len(name) && name[end] >= '0' && name[end] <= '9' {
		end++
	}
	n, ok := scan.ParseUint([]byte(name[start:end]))
	if !ok || start == 0 || n > maxNumber || end+1 >= len(name) || name[end] != '_' {
		return "", 0, "", false
	}
	return name[:start], int(n), name[end+1:], true
}

// maxNumber is larger than the number of any sensor of a chip.
const maxNumber = 1 << 20

// trimText removes blanks, the newline, and everything from the first NUL byte on: names in device trees end in one.
func trimText(data []byte) []byte {
	data, _, _ = bytes.Cut(data, []byte{0})
	return bytes.TrimSpace(data)
}

// supplyReading is the content of a supply's uevent. Its texts are slices of the file.
type supplyReading struct {
	isSupply                              bool // any line is about a power supply
	values                                [numProperties]int64
	present                               [numProperties]bool
	kind, manufacturer, model, technology []byte
}

// parseSupply parses the file uevent of a power supply: lines POWER_SUPPLY_KEY=value, among others. It skips values that
// should be numbers but are not. It returns false if no line is about a power supply.
func parseSupply(data []byte, known *[numProperties]property, r *supplyReading) bool {
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		key, value, ok := bytes.Cut(line, []byte{'='})
		key, isSupply := bytes.CutPrefix(key, []byte("POWER_SUPPLY_"))
		if !ok || !isSupply {
			continue
		}
		r.isSupply = true
		value = trimText(value)
		switch string(key) {
		case "TYPE":
			r.kind = value
		case "MANUFACTURER":
			r.manufacturer = value
		case "MODEL_NAME":
			r.model = value
		case "TECHNOLOGY":
			r.technology = value
		default:
			r.setProperty(key, value, known)
		}
	}
	return r.isSupply
}

func (r *supplyReading) setProperty(key, value []byte, known *[numProperties]property) {
	for i := range known {
		if string(key) != known[i].key {
			continue
		}
		if n, ok := known[i].parseNumber(value); ok {
			r.values[i], r.present[i] = n, true
		}
		return
	}
}

func (p *property) parseNumber(value []byte) (n int64, ok bool) {
	if p.texts == nil {
		return scan.ParseInt(value)
	}
	for i, word := range p.texts {
		if string(value) == word {
			return int64(i), true
		}
	}
	return 0, true
}
