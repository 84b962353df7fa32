package linuxsensors

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// parseValue reads a file of /sys that holds one number. Found is false for an empty file and for what the kernel writes
// where it does not know, such as "<unknown>"; ok is false for anything else.
func parseValue(data []byte) (n int64, found, ok bool) {
	field, rest := scan.Field(data)
	if len(field) == 0 || field[0] == '<' {
		return 0, false, true
	}
	n, ok = scan.Int(field)
	if next, _ := scan.Field(rest); len(next) > 0 {
		return 0, false, false
	}
	return n, ok, ok
}

// parseAttribute splits the name of a chip's file, as in temp1_crit_alarm: Documentation/hwmon/sysfs-interface.rst.
func parseAttribute(name string) (kind string, number int, what string, ok bool) {
	start := 0
	for start < len(name) && name[start] >= 'a' && name[start] <= 'z' {
		start++
	}
	end := start
	for end < len(name) && name[end] >= '0' && name[end] <= '9' {
		end++
	}
	n, ok := scan.Uint([]byte(name[start:end]))
	if !ok || start == 0 || n > maxNumber || end+1 >= len(name) || name[end] != '_' {
		return "", 0, "", false
	}
	return name[:start], int(n), name[end+1:], true
}

// maxNumber is more sensors of a kind than a chip can have.
const maxNumber = 1 << 20

// trim cuts off blanks, the newline and what follows a NUL byte: device trees have names that end in one.
func trim(data []byte) []byte {
	data, _, _ = bytes.Cut(data, []byte{0})
	return bytes.TrimSpace(data)
}

// told is what one reading of a supply's uevent tells; its texts are pieces of the file.
type told struct {
	isSupply                              bool // it tells anything about a power supply
	value                                 [numProperties]int64
	has                                   [numProperties]bool
	kind, manufacturer, model, technology []byte
}

// parseSupply reads the file uevent of a power supply, lines POWER_SUPPLY_KEY=value, among others. What is no
// number where one is due is left out. It returns false when no line is about a power supply.
func parseSupply(data []byte, known *[numProperties]property, t *told) bool {
	for len(data) > 0 {
		var line []byte
		line, data = scan.Line(data)
		key, value, ok := bytes.Cut(line, []byte{'='})
		key, isSupply := bytes.CutPrefix(key, []byte("POWER_SUPPLY_"))
		if !ok || !isSupply {
			continue
		}
		t.isSupply = true
		value = trim(value)
		switch string(key) {
		case "TYPE":
			t.kind = value
		case "MANUFACTURER":
			t.manufacturer = value
		case "MODEL_NAME":
			t.model = value
		case "TECHNOLOGY":
			t.technology = value
		default:
			t.take(key, value, known)
		}
	}
	return t.isSupply
}

func (t *told) take(key, value []byte, known *[numProperties]property) {
	for i := range known {
		if string(key) != known[i].key {
			continue
		}
		if n, ok := known[i].number(value); ok {
			t.value[i], t.has[i] = n, true
		}
		return
	}
}

func (p *property) number(value []byte) (n int64, ok bool) {
	if p.words == nil {
		return scan.Int(value)
	}
	for i, word := range p.words {
		if string(value) == word {
			return int64(i), true
		}
	}
	return 0, true
}
