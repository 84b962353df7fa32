package cgroup

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	id1 = "178f13edf91be156a03cf2413ba6e064fd097fe73d010d326965b11153333002"
	id2 = "8f22e6738f402d830725703f57b60ef3409e01b32d0e9f5dc6a78a772b3cb082"
)

// TestCasesFromTheField: testdata/cases.json has lines that were recorded on hosts of many kinds.
func TestCasesFromTheField(t *testing.T) {
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, File         string
		Container, Runtime *string
	}
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) < 20 {
		t.Fatal(len(cases), err)
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	for _, tc := range cases {
		got := Parse([]byte(tc.File))
		if got.Container != text(tc.Container) || got.Runtime != text(tc.Runtime) {
			t.Errorf("%s: %+v, want container %q, runtime %q", tc.Name, got, text(tc.Container), text(tc.Runtime))
		}
	}
}

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		want       Place
	}{
		{"nothing", "", Place{}},
		{"root", "0::/\n", Place{Path: "/"}},
		{"service", "0::/system.slice/nginx.service\n", Place{Path: "/system.slice/nginx.service", Unit: "nginx.service"}},
		{"no newline", "0::/system.slice/nginx.service", Place{Path: "/system.slice/nginx.service", Unit: "nginx.service"}},
		{"session", "0::/user.slice/user-1000.slice/session-3.scope\n", Place{Path: "/user.slice/user-1000.slice/session-3.scope", Unit: "session-3.scope"}},
		{"the user's service", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-foo.service\n",
			Place{Path: "/user.slice/user-1000.slice/user@1000.service/app.slice/app-foo.service", Unit: "app-foo.service"}},
		{"delegated", "0::/system.slice/web.service/worker/3\n", Place{Path: "/system.slice/web.service/worker/3", Unit: "web.service"}},
		{"blank and colon", "0::/system.slice/my app:1.service\n", Place{Path: "/system.slice/my app:1.service", Unit: "my app:1.service"}},
		{"escape", `0::/system.slice/systemd-fsck@dev-disk-by\x2duuid-1.service` + "\n",
			Place{Path: `/system.slice/systemd-fsck@dev-disk-by\x2duuid-1.service`, Unit: `systemd-fsck@dev-disk-by\x2duuid-1.service`}},
		{"escaped group", "0::/system.slice/_cpu.service\n", Place{Path: "/system.slice/_cpu.service", Unit: "cpu.service"}},
		{"template", "0::/system.slice/system-getty.slice/getty@tty1.service\n", Place{Path: "/system.slice/system-getty.slice/getty@tty1.service", Unit: "getty@tty1.service"}},
		{"hybrid", "1:name=systemd:/system.slice/a.service\n0::/\n", Place{Path: "/system.slice/a.service", Unit: "a.service"}},
		{"v1 without systemd", "2:cpu:/short\n3:memory:/a/longer/one\n1:pids:/x\n", Place{Path: "/a/longer/one"}},
		{"a scope is not a name", "0::/.scope/.service\n", Place{Path: "/.scope/.service"}},
		{"deleted", "0::/system.slice/gone.service (deleted)\n", Place{Path: "/system.slice/gone.service", Unit: "gone.service"}},
		{"bad utf-8", "0::/system.slice/\xff.service\n", Place{Path: "/system.slice/\ufffd.service", Unit: "\ufffd.service"}},
		{"garbage", "garbage\n1:2\n0:x:relative\n\n0::/a\n", Place{Path: "/a"}},
		{"hex digits in a service", "0::/system.slice/backup-" + id1 + ".service\n",
			Place{Path: "/system.slice/backup-" + id1 + ".service", Unit: "backup-" + id1 + ".service"}},
		{"hex digits alone", "0::/jobs/" + id1 + "\n", Place{Path: "/jobs/" + id1}},
		{"service in a container", "0::/docker/" + id1 + "/system.slice/nginx.service\n",
			Place{Path: "/docker/" + id1 + "/system.slice/nginx.service", Unit: "nginx.service", Container: id1, Runtime: "docker"}},
		{"monitor in a container", "0::/docker/" + id1 + "/machine.slice/libpod-conmon-" + id2 + ".scope\n",
			Place{Path: "/docker/" + id1 + "/machine.slice/libpod-conmon-" + id2 + ".scope", Unit: "libpod-conmon-" + id2 + ".scope", Container: id1, Runtime: "docker"}},
		{"crio's monitor", "0::/kubepods.slice/crio-conmon-" + id2 + ".scope\n",
			Place{Path: "/kubepods.slice/crio-conmon-" + id2 + ".scope", Unit: "crio-conmon-" + id2 + ".scope"}},
		{"ecs", "5:cpu:/ecs/55091c13-b8cf-4801-b527-f4601742204d/" + id1 + "\n", Place{Path: "/ecs/55091c13-b8cf-4801-b527-f4601742204d/" + id1, Container: id1}},
		{"fargate", "5:cpu:/ecs/55091c13b8cf4801b527f4601742204d/55091c13b8cf4801b527f4601742204d-4123456789\n",
			Place{Path: "/ecs/55091c13b8cf4801b527f4601742204d/55091c13b8cf4801b527f4601742204d-4123456789", Container: "55091c13b8cf4801b527f4601742204d-4123456789"}},
		{"lxc's monitor", "0::/lxc.monitor.web1\n", Place{Path: "/lxc.monitor.web1"}},
		{"proxmox", "0::/lxc/101/ns/system.slice/cron.service\n", Place{Path: "/lxc/101/ns/system.slice/cron.service", Unit: "cron.service", Container: "101", Runtime: "lxc"}},
		{"nspawn itself", "0::/machine.slice/systemd-nspawn@web.service/supervisor\n",
			Place{Path: "/machine.slice/systemd-nspawn@web.service/supervisor", Unit: "systemd-nspawn@web.service"}},
		{"nspawn with an escape", `0::/machine.slice/machine-web\x2d1.scope/payload` + "\n",
			Place{Path: `/machine.slice/machine-web\x2d1.scope/payload`, Unit: `machine-web\x2d1.scope`, Container: "web-1", Runtime: "nspawn"}},
		{"virtual machine", `0::/machine.slice/machine-qemu\x2d1\x2dvm.scope/libvirt/emulator` + "\n",
			Place{Path: `/machine.slice/machine-qemu\x2d1\x2dvm.scope/libvirt/emulator`, Unit: `machine-qemu\x2d1\x2dvm.scope`}},
	} {
		if got := Parse([]byte(tc.file)); got != tc.want {
			t.Errorf("%s:\n got %+v\nwant %+v", tc.name, got, tc.want)
		}
	}
}

// TestLimits: a file that the kernel would not write costs little and gives little.
func TestLimits(t *testing.T) {
	long := "0::/" + strings.Repeat("a", maxPath) + "\n"
	many := strings.Repeat("1:cpu:/x\n", maxLines) + "0::/system.slice/late.service\n"
	for _, file := range []string{long, many, strings.Repeat("/", 10<<20), "0::" + strings.Repeat("/", 4000)} {
		if got := Parse([]byte(file)); got.Unit != "" || got.Container != "" {
			t.Errorf("%.40q…: %+v", file, got)
		}
	}
}

// TestSelf: this process has a place on Linux.
func TestSelf(t *testing.T) {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip("needs /proc:", err)
	}
	if got := Parse(data); !strings.HasPrefix(got.Path, "/") {
		t.Errorf("%q: %+v", data, got)
	}
}

func TestUnescapeUnit(t *testing.T) {
	for in, want := range map[string]string{
		`run-my\x2dapp.scope`: "run-my-app.scope", `a\x`: `a\x`, `a\x2`: `a\x2`, `a\xzz`: `a\xzz`, `a\x0ab`: `a\x0ab`, "plain": "plain", `\x2d\x2d`: "--",
	} {
		if got := UnescapeUnit(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("0::/system.slice/docker-" + id1 + ".scope (deleted)\n")
	f.Add("1:name=systemd:/lxc.payload.a/x:docker:" + id1 + "\n0::/../_.service\n")
	f.Add(`0::/machine.slice/machine-\x2d.scope/payload`)
	f.Fuzz(func(t *testing.T, file string) {
		p := Parse([]byte(file))
		for _, text := range []string{p.Path, p.Unit, p.Container, p.Runtime} {
			if !utf8.ValidString(text) || len(text) > 3*maxPath || strings.ContainsRune(text, '\n') {
				t.Fatalf("%q: %+v", file, p)
			}
		}
		if p.Container == "" && p.Runtime != "" || p.Path == "" && p.Unit != "" {
			t.Fatalf("%q: %+v", file, p)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	file := []byte("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id1 + ".scope/container\n")
	b.ReportAllocs()
	for b.Loop() {
		if Parse(file).Container == "" {
			b.Fatal("no container")
		}
	}
}
