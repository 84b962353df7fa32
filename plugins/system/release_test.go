package system

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// labelsOf returns the labels of the series with this name, without those that all series have.
func labelsOf(t *testing.T, p *plugintest.Probe, second float64, name string) map[string]string {
	t.Helper()
	b, err := p.Batch(second)
	if err != nil {
		t.Errorf("gather: %v", err)
	}
	var labels map[string]string
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		if s.Name() != name {
			continue
		}
		if v != 1 || labels != nil {
			t.Errorf("%s is %v, or there are two", s, v)
		}
		labels = map[string]string{}
		for _, l := range s.Labels() {
			labels[l.Key] = l.Value
		}
		for _, common := range []string{"host", "source", "environment"} {
			delete(labels, common)
		}
	}
	return labels
}

func TestUnameAndOS(t *testing.T) {
	for tree, want := range map[string][2]map[string]string{
		"debian13-6.12": {
			{"sysname": "Linux", "release": "6.12.43+deb13-amd64", "version": "#1 SMP PREEMPT_DYNAMIC Debian 6.12.43-1 (2025-08-27)", "machine": "x86_64"},
			{"id": "debian", "version_id": "13", "name": "Debian GNU/Linux", "pretty_name": "Debian GNU/Linux 13 (trixie)", "codename": "trixie"},
		},
		"armboard-4.9": { // only below /usr/lib
			{"sysname": "Linux", "release": "4.9.337-rockchip", "version": "#2 SMP Thu Feb 2 12:00:00 UTC 2023", "machine": machineName()},
			{"id": "fedora", "version_id": "41", "name": "Fedora Linux", "pretty_name": "Fedora Linux 41 (Server Edition)", "variant_id": "server"},
		},
		"server-2.6.32": {
			{"sysname": "Linux", "release": "2.6.32-754.el6.x86_64", "version": "#1 SMP Tue Jun 19 21:26:04 UTC 2018", "machine": machineName()}, nil,
		},
	} {
		p := plugintest.Start(t, Plugin, "", plugintest.Env("system", filepath.Join("testdata", tree)))
		for i, name := range []string{"system_uname", "system_os"} {
			if diff := cmp.Diff(want[i], labelsOf(t, p, float64(i), name)); diff != "" {
				t.Errorf("%s: %s: %s", tree, name, diff)
			}
		}
	}
}

// An upgrade changes the labels but not the key. os-release is not read at every gather.
func TestUpgrade(t *testing.T) {
	dir := plugintest.Files(t, "", map[string]string{"etc/os-release": "ID=debian\nVERSION_ID=12\n"})
	p := plugintest.Start(t, Plugin, "", plugintest.Env("system", dir))
	version := func(second float64) string { return labelsOf(t, p, second, "system_os")["version_id"] }
	if got := version(0); got != "12" {
		t.Errorf("version %q", got)
	}
	plugintest.Files(t, dir, map[string]string{"etc/os-release": "ID=debian\nVERSION_ID=13\n"})
	if got := version(rereadInterval.Seconds() - 1); got != "12" {
		t.Errorf("it was read again too early: %q", got)
	}
	if got := version(rereadInterval.Seconds()); got != "13" {
		t.Errorf("version %q after the upgrade", got)
	}
	if err := os.Remove(filepath.Join(dir, "etc/os-release")); err != nil {
		t.Fatal(err)
	}
	if got := labelsOf(t, p, 3*rereadInterval.Seconds(), "system_os"); got != nil {
		t.Errorf("%v although os-release is gone", got)
	}
	if got := p.Gather(4 * rereadInterval.Seconds()); len(got) != 3 {
		t.Errorf("%v", got)
	}
}

// A file that is missing at first (the host's /proc is mounted late) is found later.
func TestUnameAppears(t *testing.T) {
	dir := t.TempDir()
	p := plugintest.Start(t, Plugin, "", plugintest.Env("system", dir))
	if got := labelsOf(t, p, 0, "system_uname"); got != nil {
		t.Errorf("%v", got)
	}
	plugintest.Files(t, dir, map[string]string{"proc/sys/kernel/osrelease": "6.1.0\n"})
	if got := labelsOf(t, p, rereadInterval.Seconds(), "system_uname")["release"]; got != "6.1.0" {
		t.Errorf("release %q", got)
	}
}

func TestUnparsableRelease(t *testing.T) {
	for file, want := range map[string]string{"proc/sys/kernel/osrelease": "not printable", "proc/sys/kernel/version": "not printable", "etc/os-release": "no line NAME=value"} {
		dir := plugintest.Files(t, "", map[string]string{"proc/sys/kernel/osrelease": "6.1.0\n", "etc/os-release": "ID=x\n"})
		plugintest.Files(t, dir, map[string]string{file: "\x00\xff noise\nmore noise"})
		p := plugintest.Start(t, Plugin, "", plugintest.Env("system", dir))
		for i := range 2 { // the error persists
			b, err := p.Batch(float64(i))
			if err == nil || !strings.HasPrefix(err.Error(), "parse ") || !strings.Contains(err.Error(), filepath.FromSlash(file)+": "+want) {
				t.Errorf("%s: %v", file, err)
			}
			if b.Len() != 4 { // all others, and one of the two
				t.Errorf("%s affects other samples: %v", file, plugintest.ByKey(b))
			}
		}
	}
	dir := plugintest.Files(t, "", map[string]string{"proc/sys/kernel/osrelease": "", "etc/os-release": "\n"})
	if got := plugintest.Start(t, Plugin, "", plugintest.Env("system", dir)).Gather(0); len(got) != 3 {
		t.Errorf("masked files: %v", got)
	}
}

// TestParseOSRelease covers the syntax of os-release(5).
func TestParseOSRelease(t *testing.T) {
	for text, want := range map[string]string{
		`NAME=Fedora`:                  "Fedora",
		`NAME="Fedora Linux"`:          "Fedora Linux",
		`NAME='Fedora Linux'`:          "Fedora Linux",
		`NAME="a \"b\" \$c \\ \d"`:     `a "b" $c \ \d`,
		"NAME=\"a \\`b\"":              "a `b",
		`NAME='a\b "c"'`:               `a\b "c"`,
		`NAME=a\ b`:                    "a b",
		`NAME="open`:                   "open",
		`NAME=trailing\`:               `trailing\`,
		"  NAME=x \r\n":                "x",
		"#NAME=y\nNAME=x\n# c=d":       "x",
		"NAME=y\nNAME=x":               "x",
		"ID=x":                         "Linux",
		`NAME=""`:                      "Linux",
		"NAME=a=b":                     "a=b",
		"1X=y\nlower=case\n=x\nnoise":  "",
		"":                             "",
		"#NAME=x":                      "",
		"NAME":                         "",
		"NAME = x":                     "",
		`NAME="Größe (7), no trouble"`: "Größe (7), no trouble",
	} {
		got, ok := parseOSRelease([]byte(text))
		if got.name != want || ok != (want != "") {
			t.Errorf("%q is called %q (%v), want %q", text, got.name, ok, want)
		}
	}
}

func FuzzParseOSRelease(f *testing.F) {
	plugintest.Seed(f, "testdata/*/etc/os-release")
	plugintest.Seed(f, "testdata/*/usr/lib/os-release")
	f.Add([]byte("ID='\\\nNAME=\"\\\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok := parseOSRelease(data)
		if ok != (r.id != "" && r.name != "" && r.prettyName != "") || !ok && r != (osRelease{}) {
			t.Errorf("%+v, %v", r, ok)
		}
		if strings.Contains(r.name+r.id, "\n") || len(unquoteShell(string(data))) > len(data) {
			t.Errorf("%+v", r)
		}
	})
}
