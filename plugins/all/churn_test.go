package all

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"weak"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// The churn has 2,000 entities: perRound new ones in each round. None of them comes back.
const (
	churned  = 2000
	perRound = 200
)

// TestSeriesOfGoneEntitiesAreFreed lets 2,000 interfaces, mounts, devices and cores come and go. None of their series may stay
// in memory. Weak pointers show that exactly, independent of the number of entities.
func TestSeriesOfGoneEntitiesAreFreed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the inputs are Linux ones")
	}
	for _, tt := range []struct {
		input string
		turns int                                                      // gathers of the same entities: two, so that there are rates, or as many as the input needs to notice them
		lay   func(t *testing.T, dir string, turn int, names []string) // writes a tree with entities of these names
	}{
		{"linux_net", 2, layInterfaces},
		{"linux_io", 2, layDevices},
		{"linux_cpu", 2, layCores},
		{"linux_disk", 2, layMounts},
		{"linux_sockets", 2, laySoftnet},
		{"linux_sensors", 10, layBatteries},
	} {
		t.Run(tt.input, func(t *testing.T) {
			t.Parallel()
			d, err := Catalog().Find("input", tt.input, runtime.GOOS)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			tt.lay(t, dir, 0, nil)
			p := plugintest.Start(t, d, "", plugintest.Env(tt.input, dir))
			var seen []weak.Pointer[telemetry.Series]
			for turn := range tt.turns * churned / perRound {
				tt.lay(t, dir, turn, roundNames(turn/tt.turns))
				seen = append(seen, gatherWeakly(t, p, turn)...)
			}
			tt.lay(t, dir, 0, nil)
			for i := range 30 {
				gatherWeakly(t, p, churned+i)
			}
			checkForgotten(t, seen)
			runtime.KeepAlive(p) // otherwise its series would be freed with it
		})
	}
}

func roundNames(round int) []string {
	var all []string
	for i := range perRound {
		all = append(all, fmt.Sprint(round*perRound+i))
	}
	return all
}

func gatherWeakly(t *testing.T, p *plugintest.Probe, second int) []weak.Pointer[telemetry.Series] {
	b, err := p.Batch(float64(second))
	if err != nil {
		t.Fatal(err)
	}
	var series []weak.Pointer[telemetry.Series]
	for i := range b.Len() {
		s, _, _ := b.Sample(i)
		series = append(series, weak.Make(s))
	}
	return series
}

// checkForgotten fails if more series are left than those that always exist, such as lo and the total of all cores.
func checkForgotten(t *testing.T, seen []weak.Pointer[telemetry.Series]) {
	if len(seen) < 2*churned {
		t.Fatalf("only %d samples: the entities were not gathered", len(seen))
	}
	runtime.GC()
	alive := map[*telemetry.Series]bool{}
	for _, w := range seen {
		if s := w.Value(); s != nil {
			alive[s] = true
		}
	}
	const always = 60
	if len(alive) > always {
		t.Errorf("%d series of removed entities are still in memory", len(alive))
		for s := range alive {
			t.Logf("for example %s", s)
			break
		}
	}
}

// layFile writes a file with a first line and a line for each name.
func layFile(t *testing.T, dir, file, first, format string, names []string) {
	var text strings.Builder
	text.WriteString(first)
	for _, name := range names {
		fmt.Fprintf(&text, format, name)
	}
	plugintest.Files(t, dir, map[string]string{file: text.String()})
}

func layInterfaces(t *testing.T, dir string, _ int, names []string) {
	layFile(t, dir, "proc/1/net/dev", "lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n", "tap%s: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n", names)
}

func layDevices(t *testing.T, dir string, _ int, names []string) {
	layFile(t, dir, "proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n", "8 1 sd%s 1 2 3 4 5 6 7 8 9 10 11\n", names)
}

func layCores(t *testing.T, dir string, turn int, names []string) {
	layFile(t, dir, "proc/stat", fmt.Sprintf("cpu %d 0 0 9 0\n", turn), "cpu%s "+fmt.Sprint(turn)+" 0 0 9 0\n", names)
}

func layMounts(t *testing.T, dir string, _ int, names []string) {
	if err := os.RemoveAll(filepath.Join(dir, "mnt")); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(dir, "mnt", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	layFile(t, dir, "proc/1/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n", "2 1 9:%[1]s / /mnt/%[1]s rw - ext4 /dev/sdb%[1]s rw\n", names)
}

func laySoftnet(t *testing.T, dir string, turn int, names []string) {
	first := fmt.Sprintf("%08x 0 0 0 0 0 0 0 0 0 0 0 0\n", turn)
	var text strings.Builder
	text.WriteString(first)
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%08x 0 0 0 0 0 0 0 0 0 0 0 %08x\n", turn, n+1)
	}
	plugintest.Files(t, dir, map[string]string{"proc/1/net/softnet_stat": text.String()})
}

func layBatteries(t *testing.T, dir string, _ int, names []string) {
	supplies := filepath.Join(dir, "sys/class/power_supply")
	if len(names) > 0 {
		if _, err := os.Stat(filepath.Join(supplies, "BAT"+names[0])); err == nil {
			return // they already exist
		}
	}
	if err := os.RemoveAll(supplies); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"sys/class/power_supply/AC/uevent": "POWER_SUPPLY_TYPE=Mains\nPOWER_SUPPLY_ONLINE=1\n"}
	for _, name := range names {
		files["sys/class/power_supply/BAT"+name+"/uevent"] = "POWER_SUPPLY_TYPE=Battery\nPOWER_SUPPLY_CAPACITY=50\n"
	}
	plugintest.Files(t, dir, files)
}
