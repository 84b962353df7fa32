package linuxsensors

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// unpackMachine creates the files and links of a recorded machine below dir. They are recorded in one file, "path =
// content" and "link -> target", because names of /sys contain colons, which neither Windows nor Go modules allow.
func unpackMachine(tb testing.TB, dir, machine string) string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", machine+".tree"))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if path, content, ok := strings.Cut(line, " = "); ok {
			plugintest.Files(tb, dir, map[string]string{path: strings.ReplaceAll(content, `\n`, "\n") + "\n"})
		} else if path, target, ok := strings.Cut(line, " -> "); ok {
			makeLink(tb, target, filepath.Join(dir, path))
		} else {
			tb.Fatalf("%s: %q", machine, line)
		}
	}
	return dir
}

func makeLink(tb testing.TB, target, path string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		tb.Skipf("no symbolic links here: %v", err)
	}
}

func startPlugin(tb testing.TB, dir, config string) *plugintest.Probe {
	return plugintest.Start(tb, Plugin, config, plugintest.Env("linux_sensors", dir))
}

func TestConformance(t *testing.T) {
	empty := t.TempDir()
	var cases []plugintest.Case
	for _, machine := range []string{"laptop-6.12", "server-5.10", "raspberrypi-6.6", "server-2.6.32"} {
		cases = append(cases, plugintest.Case{Name: machine, Root: empty, Setup: func(t *testing.T, e *plugins.Env) { unpackMachine(t, e.FS.Root, machine) }})
	}
	for _, host := range []string{"macos-15", "macos-13", "freebsd-14"} {
		cases = append(cases, plugintest.Case{Name: host, Host: host})
	}
	plugintest.Run(t, Plugin, cases...)
}

func TestLaptop(t *testing.T) {
	dir := unpackMachine(t, t.TempDir(), "laptop-6.12")
	p := startPlugin(t, dir, "")
	if diff := cmp.Diff(laptopSamples(), p.Gather(0)); diff != "" {
		t.Error(diff)
	}
	unpackMachine(t, dir, "laptop-6.12-later")
	plugintest.Expect(t, p.Gather(10), map[string]float64{
		"power_energy_rate_intel-rapl:0_package-0": 15, "cpu_core_throttles_rate_cpu0": 2, "cpu_core_throttles_rate_cpu1": 0, "cpu_package_throttles_rate_0": 3,
		"power_energy_rate_intel-rapl:0:0_core": math.NaN(), // its counter wrapped
	})
}

// laptopSamples returns all samples of the recorded laptop.
func laptopSamples() map[string]float64 {
	return map[string]float64{
		"sensor_temperature_acpitz-virtual-0_temp1":               46,
		"sensor_temperature_crit_acpitz-virtual-0_temp1":          128,
		"sensor_temperature_nvme-pci-0300_Composite":              34.85,
		"sensor_temperature_max_nvme-pci-0300_Composite":          83.85,
		"sensor_temperature_crit_nvme-pci-0300_Composite":         87.85,
		"sensor_temperature_alarm_nvme-pci-0300_Composite":        0,
		"sensor_temperature_nvme-pci-0300_Sensor_1":               34.85, // its limit means "none"
		"sensor_temperature_coretemp-isa-0000_Package_id_0":       47,
		"sensor_temperature_max_coretemp-isa-0000_Package_id_0":   100,
		"sensor_temperature_crit_coretemp-isa-0000_Package_id_0":  100,
		"sensor_temperature_alarm_coretemp-isa-0000_Package_id_0": 0,
		"sensor_temperature_coretemp-isa-0000_Core_0":             45,
		"sensor_temperature_max_coretemp-isa-0000_Core_0":         100,
		"sensor_temperature_crit_coretemp-isa-0000_Core_0":        100,
		"sensor_temperature_alarm_coretemp-isa-0000_Core_0":       1,
		"sensor_fan_thinkpad-isa-0000_fan1":                       2604,
		"sensor_temperature_thinkpad-isa-0000_CPU":                47,
		"sensor_temperature_thinkpad-isa-0000_temp2":              -128,
		"sensor_frequency_amdgpu-pci-0500_sclk":                   400e6,
		"sensor_voltage_amdgpu-pci-0500_vddgfx":                   0.706,
		"sensor_power_amdgpu-pci-0500_PPT":                        4.125,
		"sensor_temperature_amdgpu-pci-0500_edge":                 44,
		"sensor_voltage_BAT0-acpi-0_in0":                          11.863,
		"sensor_current_BAT0-acpi-0_curr1":                        -1.213,
		"sensor_zone_temperature_thermal_zone0_acpitz":            46,
		"sensor_zone_temperature_thermal_zone1_x86_pkg_temp":      47,
		"sensor_zone_temperature_thermal_zone3_INT3400_Thermal":   20,
		"power_supply_info_AC":                                    1, "power_supply_online_AC": 0,
		"power_supply_info_BAT0": 1, "power_supply_present_BAT0": 1, "power_supply_status_BAT0": 2, "power_supply_capacity_BAT0": 64,
		"power_supply_cycle_count_BAT0": 87, "power_supply_voltage_BAT0": 11.863, "power_supply_power_BAT0": 14.393,
		"power_supply_energy_BAT0": 33.12, "power_supply_energy_full_BAT0": 51.23, "power_supply_energy_full_design_BAT0": 57,
		"power_supply_info_max170xx_battery": 1, "power_supply_status_max170xx_battery": 3, "power_supply_health_max170xx_battery": 1,
		"power_supply_voltage_max170xx_battery": 3.903, "power_supply_current_max170xx_battery": -0.120312,
		"power_supply_charge_max170xx_battery": 5.2, "power_supply_charge_full_max170xx_battery": 7.401,
		"power_supply_charge_full_design_max170xx_battery": 7.896, "power_supply_temperature_max170xx_battery": -3.5,
		"power_supply_time_to_empty_max170xx_battery": 11520,
		"power_energy_intel-rapl:0_package-0":         52871.234567, "power_energy_intel-rapl:0:0_core": 20871.234567,
		"cpu_frequency_cpu0": 1.2e9, "cpu_frequency_min_cpu0": 0.4e9, "cpu_frequency_max_cpu0": 4.7e9,
		"cpu_frequency_cpu1": 3.4e9, "cpu_frequency_min_cpu1": 0.4e9, "cpu_frequency_max_cpu1": 4.7e9,
		"cpu_core_throttles_cpu0": 5, "cpu_core_throttles_cpu1": 0, "cpu_package_throttles_0": 35,
	}
}

// namesWithPrefix returns the keys of the samples that start with prefix.
func namesWithPrefix(got map[string]float64, prefix string) []string {
	return slices.Sorted(maps.Keys(maps.Collect(func(yield func(string, float64) bool) {
		for k, v := range got {
			if strings.HasPrefix(k, prefix) && !yield(k, v) {
				return
			}
		}
	})))
}

// Two chips of one kind have different names, whatever their numbers.
func TestServerWithTwoOfEachChip(t *testing.T) {
	got := startPlugin(t, unpackMachine(t, t.TempDir(), "server-5.10"), "").Gather(0)
	plugintest.Expect(t, got, map[string]float64{
		"sensor_temperature_coretemp-isa-0000_Package_id_0":  51,
		"sensor_temperature_coretemp-isa-0001_Package_id_1":  52,
		"sensor_temperature_nvme-pci-5e00_Composite":         38.85,
		"sensor_temperature_nvme-pci-5f00_Composite":         39.85,
		"sensor_temperature_jc42-i2c-3-18_temp1":             33.25,
		"sensor_temperature_jc42-i2c-3-19_temp1":             33.25,
		"sensor_temperature_drivetemp-scsi-0-0_temp1":        29,
		"sensor_power_power_meter-acpi-0_power1":             182,
		"sensor_energy_amd_energy-isa-0000_Esocket0":         912.345678,
		"sensor_fan_nct6779-isa-0290_fan1":                   0,
		"sensor_fan_nct6779-isa-0290_CPU":                    1028,
		"sensor_fan_alarm_nct6779-isa-0290_fan1":             1,
		"sensor_voltage_alarm_nct6779-isa-0290_in0":          1,
		"sensor_temperature_alarm_nct6779-isa-0290_SYSTIN":   1, // one of three
		"sensor_intrusion_alarm_nct6779-isa-0290_intrusion0": 1,
		// The driver uses this label twice.
		"sensor_temperature_nct6779-isa-0290_PECI_Agent_0_temp7": 0,
		"sensor_temperature_nct6779-isa-0290_PECI_Agent_0_temp8": 52.5,
	})
	if clocks := namesWithPrefix(got, "cpu_"); len(clocks) > 0 {
		t.Errorf("a server without cpufreq: %v", clocks)
	}
}

func TestBoard(t *testing.T) {
	got := startPlugin(t, unpackMachine(t, t.TempDir(), "raspberrypi-6.6"), "").Gather(0)
	want := map[string]float64{
		"sensor_temperature_cpu_thermal-virtual-0_temp1":      52.095,
		"sensor_temperature_crit_cpu_thermal-virtual-0_temp1": 110,
		"sensor_voltage_alarm_rpi_volt-isa-0000_in0":          0,
		"sensor_temperature_sht3x-i2c-1-44_temp1":             -4.25,
		"sensor_humidity_sht3x-i2c-1-44_humidity1":            61.23,
		"sensor_humidity_alarm_sht3x-i2c-1-44_humidity1":      0,
		"sensor_zone_temperature_thermal_zone0_cpu-thermal":   52.095,
		"sensor_voltage_ina3221-i2c-1-40_5V_rail":             5.048,
		"sensor_current_ina3221-i2c-1-40_5V_rail":             0.523,
		"sensor_current_alarm_ina3221-i2c-1-40_5V_rail":       1, // max_alarm is set, crit_alarm is not
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Old drivers have their files in the directory of the device.
func TestOldKernel(t *testing.T) {
	got := startPlugin(t, unpackMachine(t, t.TempDir(), "server-2.6.32"), "").Gather(0)
	want := map[string]float64{
		"sensor_temperature_it8718-isa-0228_temp1": 34, "sensor_temperature_max_it8718-isa-0228_temp1": 127,
		"sensor_voltage_it8718-isa-0228_in0": 1.232, "sensor_fan_it8718-isa-0228_fan1": 3125,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Most virtual machines have no sensors, and containers may hide them. That is not an error.
func TestNoSensorsIsNoError(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no /sys":       {},
		"empty classes": {"sys/class/hwmon/.keep": "", "sys/class/thermal/.keep": "", "sys/class/power_supply/.keep": "", "sys/devices/system/cpu/cpu0/topology/x": ""},
		"masked":        {"sys/devices/system/cpu/cpu0/thermal_throttle/.keep": "", "sys/class/powercap/intel-rapl:0/.keep": ""},
	} {
		if got := startPlugin(t, plugintest.Files(t, "", files), "").Gather(0); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFilter(t *testing.T) {
	dir := unpackMachine(t, t.TempDir(), "laptop-6.12")
	for config, want := range map[string][]string{
		"include: [coretemp-isa-0000/Core 0]": {"coretemp-isa-0000_Core_0"},
		"include: [coretemp]":                 {"coretemp-isa-0000_Core_0", "coretemp-isa-0000_Package_id_0"},
		"{include: [coretemp, 'nvme*'], exclude: ['coretemp/Core *', 'nvme-pci-0300/Sensor 1']}": {"coretemp-isa-0000_Package_id_0", "nvme-pci-0300_Composite"},
		"{include: [coretemp], exclude: ['~^core']}":                                             nil,
		"exclude: [coretemp, 'nvme-*', thinkpad, amdgpu]":                                        {"acpitz-virtual-0_temp1"},
	} {
		got := startPlugin(t, dir, config).Gather(0)
		var sensors []string
		for _, name := range namesWithPrefix(got, "sensor_temperature_") {
			name = strings.TrimPrefix(name, "sensor_temperature_")
			if !strings.HasPrefix(name, "max_") && !strings.HasPrefix(name, "crit_") && !strings.HasPrefix(name, "alarm_") {
				sensors = append(sensors, name)
			}
		}
		if diff := cmp.Diff(want, sensors); diff != "" {
			t.Errorf("%s: %s", config, diff)
		}
		if others := len(namesWithPrefix(got, "cpu_")) + len(namesWithPrefix(got, "power_")) + len(namesWithPrefix(got, "sensor_zone_")); (others == 0) != strings.Contains(config, "include") {
			t.Errorf("%s leaves %d other series", config, others)
		}
	}
	for config, gone := range map[string]string{"exclude: [thermal_zone0]": "sensor_zone_temperature_thermal_zone0", "exclude: [x86_pkg_temp]": "sensor_zone_temperature_thermal_zone1",
		"exclude: [BAT0]": "power_supply_info_BAT0", "exclude: [core]": "power_energy_intel-rapl:0:0", "exclude: ['intel-rapl:0']": "power_energy_intel-rapl:0_",
		"exclude: [cpu0]": "cpu_frequency_cpu0"} {
		if left := namesWithPrefix(startPlugin(t, dir, config).Gather(0), gone); len(left) > 0 {
			t.Errorf("%s leaves %v", config, left)
		}
		if all := namesWithPrefix(startPlugin(t, dir, "").Gather(0), gone); len(all) == 0 {
			t.Errorf("there is no %s anyway", gone)
		}
	}
}

func TestLabels(t *testing.T) {
	p := startPlugin(t, unpackMachine(t, t.TempDir(), "laptop-6.12"), "")
	p.Gather(0)
	b, err := p.Batch(10)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.HasSeries(t, b,
		`sensor_temperature{chip="coretemp-isa-0000",environment="test",host="testhost",sensor="Core 0",source="linux_sensors",unit="celsius"}`,
		`power_supply_info{environment="test",host="testhost",manufacturer="SMP",model="5B10W51867",source="linux_sensors",supply="BAT0",technology="Li-poly",type="Battery"}`,
		`power_supply_energy{environment="test",host="testhost",source="linux_sensors",supply="BAT0",unit="watt_hours"}`,
		`power_energy_rate{domain="core",environment="test",host="testhost",source="linux_sensors",unit="joules_per_second",zone="intel-rapl:0:0"}`,
	)
}

// Another battery has other labels in the same series.
func TestBatteryIsExchanged(t *testing.T) {
	const uevent = "sys/class/power_supply/BAT0/uevent"
	dir := plugintest.Files(t, "", map[string]string{uevent: "POWER_SUPPLY_TYPE=Battery\nPOWER_SUPPLY_MODEL_NAME=old\n"})
	p := startPlugin(t, dir, "")
	p.Gather(0)
	plugintest.Files(t, dir, map[string]string{uevent: "POWER_SUPPLY_TYPE=Battery\nPOWER_SUPPLY_MODEL_NAME=new\n"})
	b, _ := p.Batch(10)
	if _, ok := plugintest.BySeries(b)[`power_supply_info{environment="test",host="testhost",model="new",source="linux_sensors",supply="BAT0",type="Battery"}`]; !ok {
		t.Errorf("%v", plugintest.BySeries(b))
	}
	if got := plugintest.ByKey(b); len(got) != 1 || got["power_supply_info_BAT0"] != 1 {
		t.Errorf("%v", got)
	}
}

// TestImpossibleTemperature covers a board whose chip reports 3.9 million degrees for inputs that are not connected.
func TestImpossibleTemperature(t *testing.T) {
	const chip = "sys/class/hwmon/hwmon2/"
	dir := plugintest.Files(t, "", map[string]string{chip + "name": "nct6793\n", chip + "temp1_input": "28000\n", chip + "temp2_input": "511000\n",
		chip + "temp15_input": "3892313987\n", chip + "temp15_label": "PECI Agent 0\n"})
	want := map[string]float64{"sensor_temperature_nct6793-virtual-0_temp1": 28, "sensor_temperature_nct6793-virtual-0_temp2": 511}
	if diff := cmp.Diff(want, startPlugin(t, dir, "").Gather(0)); diff != "" {
		t.Error(diff)
	}
}

// TestChipWithoutName checks that such a chip is named after its directory, and by its name as soon as it has one.
func TestChipWithoutName(t *testing.T) {
	const chip = "sys/class/hwmon/hwmon4/"
	dir := plugintest.Files(t, "", map[string]string{chip + "temp1_input": "55000\n", chip + "temp1_label": "foosensor\n", chip + "temp1_max": "100000\n"})
	p := startPlugin(t, dir, "")
	want := map[string]float64{"sensor_temperature_hwmon4_foosensor": 55, "sensor_temperature_max_hwmon4_foosensor": 100}
	if diff := cmp.Diff(want, p.Gather(0)); diff != "" {
		t.Error(diff)
	}
	if got := startPlugin(t, dir, "exclude: [hwmon4]").Gather(0); len(got) > 0 {
		t.Errorf("excluded by its directory: %v", got)
	}
	plugintest.Files(t, dir, map[string]string{chip + "name": "foo\n"})
	for i := range scanInterval {
		p.Gather(float64(i + 1))
	}
	if got := p.Gather(100); got["sensor_temperature_foo-virtual-0_foosensor"] != 55 || len(got) != 2 {
		t.Errorf("with a name: %v", got)
	}
}

// TestPackageThrottles checks that one CPU of each package is read, because all count the same, and another one after
// that CPU is gone.
func TestPackageThrottles(t *testing.T) {
	cpu := func(n, what string) string { return "sys/devices/system/cpu/cpu" + n + "/" + what }
	files := map[string]string{}
	for n, core := range map[string]string{"0": "5", "1": "0", "2": "0", "3": "9"} {
		id, count := "0", "30"
		if n > "1" {
			id, count = "1", "6"
		}
		files[cpu(n, "topology/physical_package_id")], files[cpu(n, "thermal_throttle/package_throttle_count")] = id, count
		files[cpu(n, "thermal_throttle/core_throttle_count")] = core
	}
	dir := plugintest.Files(t, "", files)
	p := startPlugin(t, dir, "")
	packages := func(second float64) map[string]float64 {
		b, err := p.Batch(second)
		if err != nil {
			t.Error(err)
		}
		plugintest.Possible(t, b)
		got := plugintest.ByKey(b)
		maps.DeleteFunc(got, func(key string, _ float64) bool {
			return !strings.HasPrefix(key, "cpu_package_throttles_") || strings.Contains(key, "rate")
		})
		return got
	}
	want := map[string]float64{"cpu_package_throttles_0": 30, "cpu_package_throttles_1": 6}
	if diff := cmp.Diff(want, packages(0)); diff != "" {
		t.Error(diff)
	}
	for _, n := range []string{"0", "2"} { // offline
		if err := os.RemoveAll(filepath.Join(dir, cpu(n, "thermal_throttle"))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 * scanInterval {
		packages(float64(i + 1))
	}
	if diff := cmp.Diff(want, packages(100)); diff != "" {
		t.Errorf("with two CPUs offline: %s", diff)
	}
}

// TestImpossibleBattery covers numbers that a supply reports for unknown values.
func TestImpossibleBattery(t *testing.T) {
	dir := plugintest.Files(t, "", map[string]string{"sys/class/power_supply/BAT0/uevent": "POWER_SUPPLY_CAPACITY=255\nPOWER_SUPPLY_CYCLE_COUNT=-1\n" +
		"POWER_SUPPLY_ENERGY_NOW=-5\nPOWER_SUPPLY_CURRENT_NOW=-2000000\nPOWER_SUPPLY_TEMP=-27315000\nPOWER_SUPPLY_TIME_TO_EMPTY_NOW=-1\n"})
	want := map[string]float64{"power_supply_current_BAT0": -2, "power_supply_info_BAT0": 1}
	if diff := cmp.Diff(want, startPlugin(t, dir, "").Gather(0)); diff != "" {
		t.Error(diff)
	}
}
