package linuxdisk

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// readVolumes returns the mounts and their space from testdata/apfs-shared-space.
func readVolumes(t *testing.T) ([]sysinfo.Mount, map[string]sysinfo.Space) {
	var volumes []struct {
		Device, Mount, Flags, FSType string
		Total, Free                  float64
	}
	if err := json.Unmarshal([]byte(plugintest.Read(t, "testdata/apfs-shared-space/mounts.json")), &volumes); err != nil {
		t.Fatal(err)
	}
	var mounts []sysinfo.Mount
	spaces := map[string]sysinfo.Space{}
	for _, v := range volumes {
		if v.FSType == "" {
			v.FSType = "apfs"
		}
		mounts = append(mounts, sysinfo.Mount{Device: v.Device, Path: v.Mount, FSType: v.FSType, Size: v.Total, ReadOnly: strings.HasPrefix(v.Flags, "ro")})
		spaces[v.Mount] = sysinfo.Space{Total: v.Total, Used: v.Total - v.Free, Free: v.Free, Available: v.Free}
	}
	return mounts, spaces
}

// gatherMounts gathers from a host with these mounts.
func gatherMounts(t *testing.T, config string, mounts []sysinfo.Mount, spaces map[string]sysinfo.Space) map[string]float64 {
	t.Helper()
	host := &sysinfo.Host{
		Mounts: func(context.Context) ([]sysinfo.Mount, error) { return mounts, nil },
		Space:  func(_ context.Context, path string) (sysinfo.Space, error) { return spaces[path], nil },
	}
	env := plugintest.Env("disk", "", func(e *plugins.Env) { e.Host = host })
	return plugintest.Start(t, Plugin, config, env).Gather(0)
}

// sumTotals returns the sizes of all reported file systems together.
func sumTotals(values map[string]float64) (sum float64) {
	for key, v := range values {
		if strings.HasPrefix(key, "disk_total_") {
			sum += v
		}
	}
	return sum
}

func TestAPFSContainerCountsOnce(t *testing.T) {
	mounts, spaces := readVolumes(t)
	got := gatherMounts(t, "", mounts, spaces)
	if sum := sumTotals(got); sum != 545909083648 {
		t.Errorf("all disks together have %v bytes: %v", sum, got)
	}
	plugintest.Expect(t, got, map[string]float64{
		"disk_total_root": 494384795648, "disk_used_root": 243384795648, "disk_read_only_root": 0, "disk_total_System_Volumes_xarts": 524288000,
		"disk_total_Volumes_Quota": 20e9, "disk_total_Volumes_USB_STICK": 31e9,
	})
	if percent := got["disk_used_percent_root"]; math.Abs(percent-49.2) > 0.05 {
		t.Errorf("%v %% of the container are used", percent)
	}
	if len(got) != 4*8 {
		t.Errorf("%d values of four file systems: %v", len(got), got)
	}
}

// A volume with a quota is a part of its container, which is reported if it is mounted too.
func TestQuotaIsNotAddedToItsContainer(t *testing.T) {
	mounts, spaces := readVolumes(t)
	mounts = append(mounts, sysinfo.Mount{Device: "/dev/disk5s2", Path: "/Volumes/Everything", FSType: "apfs", Size: 1e12})
	spaces["/Volumes/Everything"] = sysinfo.Space{Total: 1e12, Free: 5e11, Available: 5e11}
	got := gatherMounts(t, "", mounts, spaces)
	plugintest.Expect(t, got, map[string]float64{"disk_total_Volumes_Everything": 1e12, "disk_total_Volumes_Quota": math.NaN()})
	got = gatherMounts(t, "include_mounts: [/Volumes/*]", mounts, spaces)
	plugintest.Expect(t, got, map[string]float64{"disk_total_Volumes_Everything": 1e12, "disk_total_Volumes_Quota": 20e9, "disk_total_root": math.NaN()})
}

// "/" has the values of the volume with the data, also where they differ: the system's snapshot has only the system's files.
func TestRootHasTheMeaningOfTheDataVolume(t *testing.T) {
	got := plugintest.OfHost(t, Plugin, "", "macos-15").Gather(0)
	plugintest.HasSeries(t, plugintest.OfHost(t, Plugin, "", "macos-15").Batches(0)[0],
		`disk_used{environment="test",host="testhost",mount="/Volumes/USB STICK",source="linux_disk",unit="bytes"}`)
	plugintest.Expect(t, got, map[string]float64{
		"disk_inodes_used_root": 2452918311 - 2451171080, "disk_read_only_root": 0, "disk_total_System_Volumes_Data": math.NaN(),
		"disk_total_System_Volumes_VM": math.NaN(), "disk_total_Volumes_media": 3985729650688,
	})
}

func TestOtherSystems(t *testing.T) {
	got := plugintest.OfHost(t, Plugin, "", "freebsd-14").Gather(0)
	totals := func(values map[string]float64) map[string]float64 {
		maps.DeleteFunc(values, func(key string, _ float64) bool { return !strings.HasPrefix(key, "disk_total_") })
		return values
	}
	want := map[string]float64{"disk_total_root": 20313526272, "disk_total_usr_home": 107374182400, "disk_total_mnt_nas": 3985729650688}
	if diff := cmp.Diff(want, totals(got)); diff != "" {
		t.Errorf("FreeBSD: %s", diff)
	}
	got = plugintest.OfHost(t, Plugin, "", "windows-2022").Gather(0)
	plugintest.Expect(t, got, map[string]float64{"disk_used_C:": 41234567168, "disk_inodes_total_C:": math.NaN(), "disk_read_only_C:": 0})
	want = map[string]float64{"disk_total_C:": 107372081152, "disk_total_E:": 1099444518912, "disk_total_Z:": 3985729650688}
	if diff := cmp.Diff(want, totals(got)); diff != "" {
		t.Errorf("Windows: %s", diff)
	}
}

// A drive of a dead server does not delay the others.
func TestStuckDrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		host := &sysinfo.Host{
			Mounts: func(context.Context) ([]sysinfo.Mount, error) {
				return []sysinfo.Mount{{Device: "Z:", Path: `Z:\`, Remote: true}, {Device: "C:", Path: `C:\`, FSType: "NTFS"}}, nil
			},
			Space: func(_ context.Context, path string) (sysinfo.Space, error) {
				if path == `Z:\` {
					<-release
				}
				return sysinfo.Space{Total: 10, Free: 5, Available: 5}, nil
			},
		}
		in := newInput(plugintest.Env("disk", "", func(e *plugins.Env) { e.Host = host }), defaults(), func(path string) (spaceUsage, error) { return readSpace(host, path) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err := gatherValues(ctx, in)
		if err == nil || err.Error() != "statfs Z:: no answer in time; skipped until it answers" {
			t.Errorf("error %v", err)
		}
		plugintest.Expect(t, got, map[string]float64{"disk_used_C:": 5, "disk_error_C:": 0, "disk_error_Z:": 1, "disk_used_Z:": math.NaN()})
		close(release)
	})
}
