package machines

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// parsers are the packages that read bytes of the kernel, of peers and of files, and compute with what is in them.
func parsers() []string {
	return strings.Fields(`
		internal/bpf internal/cgroup internal/cmdline internal/conf internal/embedded/resp internal/embedded/jsondoc internal/embedded/search
		internal/embedded/timeseries internal/eventdoc internal/guard internal/hostfs internal/match internal/metric internal/netmib
		internal/proclog internal/proctable internal/promtext internal/redisconn internal/remotename internal/scan internal/sockets
		internal/syslogmsg internal/telemetry internal/terminal internal/tskey internal/units
		plugins/kernel plugins/linux_cpu plugins/linux_disk plugins/linux_io plugins/linux_mem plugins/linux_net plugins/linux_sensors
		plugins/linux_sockets plugins/linux_swap plugins/linux_time plugins/linux_vmstat plugins/netstat plugins/nstat plugins/syslog plugins/system`)
}

// TestParsers runs the parsers' tests and what fuzzing has found before, with words of 32 bits and with bytes in the other order.
func TestParsers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the emulators run on Linux")
	}
	for _, m := range processors() {
		if m.goarch != "arm" && m.goarch != "s390x" {
			continue
		}
		t.Run(m.goarch, func(t *testing.T) {
			servicetest.RequireCommands(t, "qemu-user-static, which .ci/machines unpacks", m.emulator)
			args := []string{"test", "-vet=off", "-short", "-exec", m.emulator, "-run", "^Fuzz|Parse|Decode|Layout|Conformance"}
			for _, folder := range parsers() {
				args = append(args, "github.com/rtcollector/rtcollector/"+folder)
			}
			cmd := exec.Command("go", args...)
			cmd.Env = m.environment()
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
