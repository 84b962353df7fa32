package linuxsensors

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// A sensor that is plugged in appears, and one that is unplugged disappears, after scanInterval gathers at the latest.
func TestHotplug(t *testing.T) {
	const first, second = "sys/class/hwmon/hwmon0/", "sys/class/hwmon/hwmon1/"
	dir := plugintest.Files(t, "", map[string]string{first + "name": "a", first + "temp1_input": "1000"})
	p := startPlugin(t, dir, "")
	gathered := 0
	after := func(n int) (got map[string]float64) {
		for range n {
			got = p.Gather(float64(10 * gathered))
			gathered++
		}
		return got
	}
	const a, b = "sensor_temperature_a-virtual-0_temp1", "sensor_temperature_b-virtual-0_temp1"
	if diff := cmp.Diff(map[string]float64{a: 1}, after(1)); diff != "" {
		t.Error(diff)
	}
	plugintest.Files(t, dir, map[string]string{second + "name": "b", second + "temp1_input": "2000"})
	if diff := cmp.Diff(map[string]float64{a: 1, b: 2}, after(scanInterval)); diff != "" {
		t.Error(diff)
	}
	if err := os.RemoveAll(filepath.Join(dir, first)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]float64{b: 2}, after(1)); diff != "" { // at once, before the next search
		t.Error(diff)
	}
	plugintest.Files(t, dir, map[string]string{second + "fan1_input": "900"}) // a driver that adds a file
	if diff := cmp.Diff(map[string]float64{b: 2, "sensor_fan_b-virtual-0_fan1": 900}, after(scanInterval)); diff != "" {
		t.Error(diff)
	}
	if n := len(liveInput(p).trees[0].entities); n != 1 {
		t.Errorf("%d chips are remembered", n)
	}
	if chips := liveInput(p).chipNames; len(chips) != 1 {
		t.Errorf("names are kept for %v", chips)
	}
}

func liveInput(p *plugintest.Probe) *input { return p.Input.Gatherer.(*input) }

// The kernel reuses numbers. Readings of a new chip must not continue the series of the old one.
func TestNumberGoesToAnotherChip(t *testing.T) {
	dir := t.TempDir()
	chip := func(device, temp string) {
		plugintest.Files(t, dir, map[string]string{"sys/devices/" + device + "/hwmon0/name": "usb", "sys/devices/" + device + "/hwmon0/temp1_input": temp})
		class := filepath.Join(dir, "sys/class/hwmon/hwmon0")
		_ = os.Remove(class)
		makeLink(t, "../../devices/"+device+"/hwmon0", class)
	}
	chip("one", "1000")
	p := startPlugin(t, dir, "")
	p.Gather(0)
	if err := os.RemoveAll(filepath.Join(dir, "sys/devices/one")); err != nil {
		t.Fatal(err)
	}
	chip("two", "2000")
	if got := p.Gather(10); len(got) > 0 {
		t.Errorf("the removed chip reports %v", got)
	}
}

// Two chips without a bus keep different names.
func TestSameNameWithoutABus(t *testing.T) {
	dir := plugintest.Files(t, "", map[string]string{
		"sys/class/hwmon/hwmon0/name": "x", "sys/class/hwmon/hwmon0/temp1_input": "1000",
		"sys/class/hwmon/hwmon1/name": "x", "sys/class/hwmon/hwmon1/temp1_input": "2000",
		"sys/class/hwmon/hwmon2/name": "x", "sys/class/hwmon/hwmon2/temp1_input": "3000",
	})
	got := startPlugin(t, dir, "").Gather(0)
	want := map[string]float64{"sensor_temperature_x-virtual-0_temp1": 1, "sensor_temperature_x-virtual-0-hwmon1_temp1": 2, "sensor_temperature_x-virtual-0-hwmon2_temp1": 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// newSensorTree returns a directory with a chip of n sensors, whose values are files of the kernel that contain one
// number.
func newSensorTree(tb testing.TB, n int) string {
	dir := plugintest.Files(tb, "", map[string]string{"sys/class/hwmon/hwmon0/name": "big"})
	for i := range n {
		makeLink(tb, "/proc/sys/kernel/pid_max", filepath.Join(dir, fmt.Sprintf("sys/class/hwmon/hwmon0/fan%d_input", i+1)))
	}
	return dir
}

func countOpenFiles(tb testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Skip(err)
	}
	return len(entries)
}

func TestOpenFilesAreBounded(t *testing.T) {
	before := countOpenFiles(t)
	dir := newSensorTree(t, maxOpen+100)
	p := startPlugin(t, dir, "")
	for i := range 2 {
		if got := p.Gather(float64(i)); len(got) != maxOpen+100 {
			t.Fatalf("%d sensors", len(got))
		}
	}
	if n := countOpenFiles(t) - before; n < maxOpen || n > maxOpen+20 {
		t.Errorf("%d files are kept open, want %d", n, maxOpen)
	}
	if err := os.RemoveAll(filepath.Join(dir, "sys/class/hwmon/hwmon0")); err != nil {
		t.Fatal(err)
	}
	for i := range scanInterval {
		p.Gather(float64(10 + i))
	}
	if n := countOpenFiles(t) - before; n > 20 {
		t.Errorf("%d files are still open after the sensors are gone", n)
	}
	if free := liveInput(p).budget.free; free != maxOpen {
		t.Errorf("room for %d files, want %d", free, maxOpen)
	}
}

// A chip that gains or loses a file is opened again. Its remaining series continue.
func TestChipChanges(t *testing.T) {
	const chip = "sys/class/hwmon/hwmon0/"
	dir := plugintest.Files(t, "", map[string]string{chip + "name": "a", chip + "energy1_input": "1000000", chip + "fan1_input": "900"})
	p := startPlugin(t, dir, "")
	p.Gather(0)
	if free := liveInput(p).budget.free; free != maxOpen-2 {
		t.Errorf("room for %d files", free)
	}
	if err := os.Remove(filepath.Join(dir, chip, "fan1_input")); err != nil {
		t.Fatal(err)
	}
	for i := range scanInterval {
		plugintest.Files(t, dir, map[string]string{chip + "energy1_input": fmt.Sprint(1000000 * (i + 2))})
		if got := p.Gather(float64(i + 1)); got["sensor_energy_rate_a-virtual-0_energy1"] != 1 {
			t.Errorf("gather %d: %v", i, got)
		}
	}
	if free := liveInput(p).budget.free; free != maxOpen-1 {
		t.Errorf("room for %d files after one was removed", free)
	}
}

func TestCloseClosesFiles(t *testing.T) {
	before := countOpenFiles(t)
	p := startPlugin(t, newSensorTree(t, 100), "")
	p.Gather(0)
	if err := liveInput(p).Close(); err != nil {
		t.Fatal(err)
	}
	if n := countOpenFiles(t) - before; n > 20 {
		t.Errorf("%d files are open after Close", n)
	}
}

// The measurement includes the searches.
func TestSteadyStateAllocatesLittle(t *testing.T) {
	const sensors, runs = 100, 10 * scanInterval
	p := startPlugin(t, newSensorTree(t, sensors), "")
	var out telemetry.Batch
	gather := func() {
		out = telemetry.Batch{}
		if err := p.Input.Gatherer.Gather(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
	}
	gather()
	perGather := testing.AllocsPerRun(runs, gather) - testing.AllocsPerRun(runs, func() {
		out = telemetry.Batch{}
		for range sensors {
			out.Add(&telemetry.Series{}, 1)
		}
	})
	if limit := 2 + 0.1*sensors; perGather > limit {
		t.Errorf("%v allocations per gather of %d samples, want at most %v", perGather, out.Len(), limit)
	}
}

// An unparsable file is an error and does not affect others.
func TestNoise(t *testing.T) {
	dir := plugintest.Files(t, "", map[string]string{
		"sys/class/hwmon/hwmon0/name": "a", "sys/class/hwmon/hwmon0/temp1_input": "\x00\xff noise", "sys/class/hwmon/hwmon0/temp2_input": "1000",
		"sys/class/hwmon/hwmon0/temp3_input": "", "sys/class/hwmon/hwmon0/temp4_input/x": "a directory", "sys/class/hwmon/hwmon0/temp2_max": "loud noise",
		"sys/class/power_supply/BAT0/uevent": "noise", "sys/class/power_supply/BAT1/uevent": "",
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "<unknown>\n",
	})
	b, err := startPlugin(t, dir, "").Batch(0)
	for _, want := range []string{"parse ", "temp1_input: not a number", "temp4_input: " + syscall.EISDIR.Error(), "temp2_max: not a number", "BAT0/uevent: no line POWER_SUPPLY_…=…"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 4 {
		t.Errorf("%d errors: %v", n, err)
	}
	if diff := cmp.Diff(map[string]float64{"sensor_temperature_a-virtual-0_temp2": 1}, plugintest.ByKey(b)); diff != "" {
		t.Error(diff)
	}
}

// A sensor that does not answer is read again at the next gather. /proc/self/mem answers with EIO.
func TestSilentSensorIsReadAgain(t *testing.T) {
	const zone = "sys/class/thermal/thermal_zone0/"
	dir := plugintest.Files(t, "", map[string]string{zone + "type": "wifi"})
	makeLink(t, "/proc/self/mem", filepath.Join(dir, zone, "temp"))
	p := startPlugin(t, dir, "")
	if got := p.Gather(0); len(got) > 0 {
		t.Errorf("asleep: %v", got)
	}
	if err := os.Remove(filepath.Join(dir, zone, "temp")); err != nil {
		t.Fatal(err)
	}
	plugintest.Files(t, dir, map[string]string{zone + "temp": "-5500"})
	if diff := cmp.Diff(map[string]float64{"sensor_zone_temperature_thermal_zone0_wifi": -5.5}, p.Gather(10)); diff != "" {
		t.Error(diff)
	}
}

// A file that must not be read is tried again only after the next search, because failing costs more than reading.
func TestDeniedFileIsLeftAlone(t *testing.T) {
	if os.Geteuid() <= 0 {
		t.Skip("nothing is denied to root, nor on Windows")
	}
	const domain = "sys/class/powercap/intel-rapl:0/"
	dir := plugintest.Files(t, "", map[string]string{domain + "name": "package-0", domain + "energy_uj": "5000000"})
	mode := func(m os.FileMode) {
		if err := os.Chmod(filepath.Join(dir, domain, "energy_uj"), m); err != nil {
			t.Fatal(err)
		}
	}
	mode(0)
	p := startPlugin(t, dir, "")
	for i := range scanInterval {
		if got := p.Gather(float64(i)); len(got) > 0 { // without an error
			t.Errorf("gather %d: %v", i, got)
		}
		mode(0o444)
	}
	if got := p.Gather(scanInterval); len(got) != 1 {
		t.Errorf("it stays denied: %v", got)
	}
}

func TestLimitsAreReadAgain(t *testing.T) {
	const chip = "sys/class/hwmon/hwmon0/"
	dir := plugintest.Files(t, "", map[string]string{chip + "name": "a", chip + "temp1_input": "1000", chip + "temp1_max": "80000"})
	p := startPlugin(t, dir, "")
	const key = "sensor_temperature_max_a-virtual-0_temp1"
	if got := p.Gather(0)[key]; got != 80 {
		t.Errorf("limit %v", got)
	}
	plugintest.Files(t, dir, map[string]string{chip + "temp1_max": "90000"})
	for i := range scanInterval*limitScanInterval - 1 {
		if got := p.Gather(float64(i + 1))[key]; got != 80 {
			t.Fatalf("limit %v after %d gathers", got, i)
		}
	}
	if got := p.Gather(1000)[key]; got != 90 {
		t.Errorf("limit %v long after it changed", got)
	}
}

// The package's counter is read from its first online CPU.
func TestPackageCountsOnce(t *testing.T) {
	cpu := func(n, siblings string) map[string]string {
		c := "sys/devices/system/cpu/cpu" + n + "/"
		return map[string]string{c + "thermal_throttle/core_throttle_count": n, c + "thermal_throttle/package_throttle_count": "7",
			c + "topology/physical_package_id": "0", c + "topology/core_siblings_list": siblings}
	}
	dir := plugintest.Files(t, "", cpu("1", "1-2,10\n"))
	plugintest.Files(t, dir, cpu("2", "1-2,10\n"))
	plugintest.Files(t, dir, cpu("10", "1-2,10\n"))
	want := map[string]float64{"cpu_core_throttles_cpu1": 1, "cpu_core_throttles_cpu2": 2, "cpu_core_throttles_cpu10": 10, "cpu_package_throttles_0": 7}
	if diff := cmp.Diff(want, startPlugin(t, dir, "").Gather(0)); diff != "" {
		t.Error(diff)
	}
}
