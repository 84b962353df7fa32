package macosdisk

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "macOS", Host: "macos-15", Allocs: 100},
		plugintest.Case{Name: "Intel", Host: "macos-13", Allocs: 100})
}

// Each APFS container is counted once: disk3 as "/", disk1, which has only volumes of the system, as one of them.
func TestGather(t *testing.T) {
	b, err := plugintest.OfHost(t, Plugin, "", "macos-15").Batch(0)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.HasSeries(t, b, `disk_used{device="/dev/disk7s2",environment="test",fstype="msdos",host="testhost",mountpoint="/Volumes/USB STICK",source="macos_disk",unit="bytes"}`)
	got := map[string]float64{}
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		for _, l := range s.Instance() {
			if s.Name() == "disk_total" && l.Key == "mountpoint" {
				got[l.Value] = v
			}
		}
	}
	want := map[string]float64{"/": 494384795648, "/System/Volumes/xarts": 524288000, "/Volumes/USB STICK": 31e9, "/Volumes/media": 3985729650688}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSelection(t *testing.T) {
	for config, want := range map[string]int{"": 4, "exclude_mounts: [/Volumes/*]": 2, "include_mounts: [/, /System/Volumes/VM]": 2} {
		b := plugintest.OfHost(t, Plugin, config, "macos-15").Batches(0)[0]
		if n := b.Len() / 6; n != want {
			t.Errorf("%s: %d mounts, want %d", config, n, want)
		}
	}
}
