package linuxsensors

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseValue(t *testing.T) {
	for text, want := range map[string]int64{"42000\n": 42000, "-5000\n": -5000, "0": 0, " 7 \n": 7} {
		if n, found, ok := parseValue([]byte(text)); n != want || !found || !ok {
			t.Errorf("%q is %d, %v, %v", text, n, found, ok)
		}
	}
	for _, text := range []string{"", "\n", "<unknown>\n", "<unsupported>"} {
		if n, found, ok := parseValue([]byte(text)); found || !ok {
			t.Errorf("%q is %d, %v, %v", text, n, found, ok)
		}
	}
	for _, text := range []string{"x", "1 2", "1.5", "- 1", "99999999999999999999", "\x00"} {
		if n, found, ok := parseValue([]byte(text)); found || ok {
			t.Errorf("%q is %d, %v, %v", text, n, found, ok)
		}
	}
}

func TestParseAttribute(t *testing.T) {
	for name, want := range map[string]string{
		"temp1_input": "temp 1 input", "temp12_crit_alarm": "temp 12 crit_alarm", "in0_min": "in 0 min", "power1_average_interval": "power 1 average_interval",
		"temp_input": "", "temp1": "", "temp1_": "", "1_input": "", "": "", "_": "", "name": "", "pwm1": "", "temp99999999999999999999_input": "",
		"beep_enable": "", "temp1input": "", "TEMP1_input": "",
	} {
		kind, number, suffix, ok := parseAttribute(name)
		got := ""
		if ok {
			got = strings.Join([]string{kind, strconv.Itoa(number), suffix}, " ")
		}
		if got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// TestBusAddress uses names of sensors(1): https://www.kernel.org/doc/html/latest/i2c/ and libsensors.
func TestBusAddress(t *testing.T) {
	for device, want := range map[string]string{
		"pci 0000:01:00.0": "pci-0100", "pci 0000:00:18.3": "pci-00c3", "pci 0001:5e:00.0": "pci-15e00", "pci x": "",
		"i2c 3-0018": "i2c-3-18", "i2c 0-0004": "i2c-0-04", "i2c i2c-0": "", "spi spi0.1": "spi-0-1", "hid 0003:1B1C:0C10.0004": "hid-3-4",
		"scsi 2:0:1:0": "scsi-2-10", "mdio_bus r8169-0-200:00": "mdio-00", "platform coretemp.1": "isa-0001", "platform thinkpad_hwmon": "isa-0000",
		"platform nct6775.656": "isa-0290", "platform fe804000.i2c": "isa-0000", "acpi PNP0C0A:00": "acpi-0", "nvme nvme0": "", "thermal thermal_zone0": "",
	} {
		bus, name, _ := strings.Cut(device, " ")
		if got := busAddress(bus, name); got != want {
			t.Errorf("%s is %q, want %q", device, got, want)
		}
	}
}

func TestHashNames(t *testing.T) {
	seen := map[uint64]string{}
	for _, list := range []string{"", "a", "b", "ab", "a b", "b a", "a b c", "temp1_input", "temp2_input"} {
		var names [][]byte
		for _, name := range strings.Fields(list) {
			names = append(names, []byte(name))
		}
		d := hashNames(names)
		if other, taken := seen[d]; taken || d == 0 {
			t.Errorf("%q and %q are the same", list, other)
		}
		seen[d] = list
	}
}

func TestMakeLabelsUnique(t *testing.T) {
	list := []*channel{
		{sensorKind: sensorKind{metric: "t"}, attribute: "temp1", label: "A"}, {sensorKind: sensorKind{metric: "t"}, attribute: "temp2", label: "A"},
		{sensorKind: sensorKind{metric: "t"}, attribute: "temp3", label: "A temp1"}, {sensorKind: sensorKind{metric: "t"}, attribute: "temp4"},
		{sensorKind: sensorKind{metric: "t"}, attribute: "temp5", label: "temp4"}, {sensorKind: sensorKind{metric: "f"}, attribute: "fan1", label: "A"},
	}
	makeLabelsUnique(list)
	var got []string
	for _, c := range list {
		got = append(got, c.metric+"/"+c.label)
	}
	want := []string{"t/A temp1", "t/A temp2", "t/temp3 A temp1", "t/temp4", "t/temp4 temp5", "f/A"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseSupply(t *testing.T) {
	known := supplyProperties()
	find := func(key string) int {
		for i, p := range known {
			if p.key == key {
				return i
			}
		}
		t.Fatalf("no %s", key)
		return 0
	}
	var got supplyReading
	if !parseSupply([]byte("DRIVER=x\nPOWER_SUPPLY_STATUS=Charging\nPOWER_SUPPLY_HEALTH=Quite new word\nPOWER_SUPPLY_CAPACITY=x\nPOWER_SUPPLY_TEMP=-12\n"+
		"POWER_SUPPLY_MODEL_NAME= a=b \nPOWER_SUPPLY_ONLINE\nPOWER_SUPPLY_CURRENT_NOW=-1"), &known, &got) {
		t.Fatal("no supply")
	}
	for key, want := range map[string]int64{"STATUS": 1, "HEALTH": 0, "TEMP": -12, "CURRENT_NOW": -1} {
		if i := find(key); !got.present[i] || got.values[i] != want {
			t.Errorf("%s is %d (%v)", key, got.values[i], got.present[i])
		}
	}
	for _, key := range []string{"CAPACITY", "ONLINE", "PRESENT"} {
		if got.present[find(key)] {
			t.Errorf("%s is there", key)
		}
	}
	if string(got.model) != "a=b" {
		t.Errorf("model %q", got.model)
	}
	if parseSupply([]byte("DRIVER=x\nPOWER_SUPPLY_ONLINE\n\n"), &known, &supplyReading{}) {
		t.Error("a file without a supply is accepted")
	}
}

func FuzzParseSensors(f *testing.F) {
	files, err := filepath.Glob("testdata/*.tree")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			path, content, _ := strings.Cut(line, " = ")
			f.Add(filepath.Base(path), []byte(strings.ReplaceAll(content, `\n`, "\n")))
		}
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if kind, number, suffix, ok := parseAttribute(name); ok && (kind == "" || number < 0 || suffix == "" || !strings.HasPrefix(name, kind)) {
			t.Errorf("%q is %q %d %q", name, kind, number, suffix)
		}
		if n, found, ok := parseValue(data); found && !ok || !found && n != 0 {
			t.Errorf("%q is %d, %v, %v", data, n, found, ok)
		}
		known := supplyProperties()
		var s supplyReading
		if parseSupply(data, &known, &s) != s.isSupply || !s.isSupply && s.present != (supplyReading{}).present {
			t.Errorf("%q is %+v", data, s)
		}
		list := collectChannels("none", strings.Fields(string(data)))
		seen := map[string]bool{}
		for _, c := range list {
			if id := c.metric + "/" + c.label; seen[id] {
				t.Errorf("%q has %s twice", data, id)
			} else {
				seen[id] = true
			}
		}
		bus, device, _ := strings.Cut(name, " ")
		busAddress(bus, device)
	})
}
