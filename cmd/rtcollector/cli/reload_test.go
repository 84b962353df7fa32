//go:build unix

package cli_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/embedded"
)

// reloading is an agent whose configuration changes.
type reloading struct {
	*process
	file string
}

// startReloading runs "rtcollector run --debug" with further flags.
func startReloading(t *testing.T, yaml string, flags ...string) *reloading {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the inputs are Linux ones")
	}
	heedHangUps(t)
	r := &reloading{file: filepath.Join(t.TempDir(), "config.yaml")}
	r.write(t, yaml)
	r.process = startProgram(t, append([]string{"run", "--debug", "--config", r.file}, flags...)...)
	r.waitFor("rtcollector started", 1)
	return r
}

func (r *reloading) write(t *testing.T, yaml string) {
	t.Helper()
	if err := os.WriteFile(r.file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload changes the file and sends SIGHUP.
func (r *reloading) reload(yaml string) {
	r.t.Helper()
	r.write(r.t, yaml)
	r.hangUp()
}

func (r *reloading) hangUp() {
	r.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		r.t.Fatal(err)
	}
}

// TestReloads changes one input 50 times. The others miss no tick and lose no sample, and the connection to the syslog input stays.
func TestReloads(t *testing.T) {
	const reloads = 50
	s := serve(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(s.Addr())
	syslogAddr := freeAddr(t)
	yaml := func(n int) string {
		return fmt.Sprintf("hostname: h\ninterval: 100ms\ninputs:\n  - mem\n  - io: {timeout: %dms}\n  - swap\n  - internal\n  - syslog: {server: \"tcp://%s\", syslog_standard: RFC3164}\n"+
			"outputs:\n  - redistimeseries: {host: 127.0.0.1, port: %s}\n  - stdout: {format: json}\n", 100-n%2, syslogAddr, port)
	}
	p := startReloading(t, yaml(0))
	p.waitFor("gathered input=linux_mem", 2)
	conn, err := net.Dial("tcp", syslogAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for n := 1; n <= reloads; n++ {
		if _, err := fmt.Fprintf(conn, "<13>Oct 11 22:14:15 box app: message %d.\n", n); err != nil {
			t.Fatal(err)
		}
		p.reload(yaml(n))
		p.waitFor("the new configuration runs changed=linux_io continue=6", n)
	}
	if _, err := fmt.Fprintf(conn, "<13>Oct 11 22:14:15 box app: message 0.\n"); err != nil {
		t.Fatal(err)
	}
	log, _ := p.log.read()
	p.waitFor("gathered input=linux_mem", strings.Count(log, "gathered input=linux_mem")+5)
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
	log, _ = p.log.read()
	if n := strings.Count(log, "nothing lost"); n != 2 {
		t.Errorf("%d of 2 outputs have lost nothing:\n%s", n, log)
	}
	for _, input := range []string{"mem", "swap"} {
		checkTicks(t, s, "h:"+input+"_total", strings.Count(log, "gathered input=linux_"+input))
	}
	for n := range reloads + 1 {
		if text := fmt.Sprintf("message %d.", n); strings.Count(p.out.String(), text) != 1 {
			t.Errorf("%q is there %d times", text, strings.Count(p.out.String(), text))
		}
	}
}

// checkTicks checks that a series has one sample for each gather, and that all but the first are at multiples of the interval: an input
// that was started again would have gathered in between. A busy machine may cost a few ticks, but not one for each reload.
func checkTicks(t *testing.T, s *embedded.Server, key string, gathers int) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
	points, err := c.Do(context.Background(), "TS.RANGE", key, "-", "+").Slice()
	if err != nil {
		t.Fatal(err)
	}
	missing, last := int64(0), int64(0)
	for i, p := range points {
		at := p.([]any)[0].(int64)
		switch {
		case i > 0 && at%100 != 0:
			t.Errorf("%s has a sample at %d: the input was started again", key, at)
		case i > 1:
			missing += (at-last)/100 - 1
		}
		last = at
	}
	if len(points) != gathers || missing > 10 {
		t.Errorf("%s has %d samples of %d gathers, and %d ticks are missing", key, len(points), gathers, missing)
	}
}

// TestRefusedReloads: after every kind of mistake the old configuration continues, and the log says where the mistakes are.
func TestRefusedReloads(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	good := yamlFor(s.Addr(), "h", "interval: 100ms")
	p := startReloading(t, good)
	for i, tc := range []struct{ yaml, want string }{
		{"hostname: h\ninterval: nope\ninputs: [cpuu]\noutputs: [stdout]\n", `config.yaml:3:10: inputs[0].cpuu: unknown input \"cpuu\"`},
		{"inputs: [\n", "this is not YAML"},
		{good + "once: true\n", "once: true is for an agent"},
		{"web: {listen: 127.0.0.1:0}\ninputs: []\noutputs: [stdout]\n", "the configuration has no output redistimeseries"},
	} {
		p.reload(tc.yaml)
		p.waitFor("nothing was changed: the old configuration continues", i+1)
		p.waitFor(tc.want, 1)
	}
	if err := os.Remove(p.file); err != nil {
		t.Fatal(err)
	}
	p.hangUp()
	p.waitFor("nothing was changed: the old configuration continues", 5)
	p.waitFor("no such file", 1)
	p.reload(good + "# only a comment\n")
	p.waitFor("the configuration is unchanged continue=9", 1)
	p.reload(good + "log_format: json\n")
	p.waitFor(`"msg":"the new configuration runs","settings":"log_format","continue":"9"`, 1)
	log, _ := p.log.read()
	p.waitFor(`"msg":"gathered","input":"linux_mem"`, strings.Count(log, `"msg":"gathered","input":"linux_mem"`)+1)
	p.reload(strings.Replace(good, "mem, ", "", 1) + "max_memory: 500MB\n")
	p.waitFor(`removed=linux_mem settings="log_format, max_memory" continue=8`, 1)
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestReloadMovesToAnotherRedis: a new address replaces the output, which hands over its queue; a new host name replaces everything.
func TestReloadMovesToAnotherRedis(t *testing.T) {
	a, b := serve(t, "127.0.0.1:0"), serve(t, "127.0.0.1:0")
	p := startReloading(t, yamlFor(a.Addr(), "h", "interval: 100ms", "tags: {rack: 1}"))
	p.waitFor("gathered input=linux_mem", 3)
	p.reload(yamlFor(b.Addr(), "h", "interval: 100ms", "tags: {rack: 1}"))
	p.waitFor("the new configuration runs changed=\"output redistimeseries\" continue=8", 1)
	log, _ := p.log.read()
	p.waitFor("gathered input=linux_mem", strings.Count(log, "gathered input=linux_mem")+3)
	p.reload(yamlFor(b.Addr(), "other", "interval: 100ms", "tags: {rack: 2}"))
	p.waitFor("output redistimeseries\" continue=0", 1)
	p.waitFor("gathered input=linux_mem", strings.Count(log, "gathered input=linux_mem")+9)
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
	log, _ = p.log.read()
	gathers := strings.Count(log, "gathered input=linux_mem")
	if got := []int{count(t, a.Addr(), "h:mem_total"), count(t, b.Addr(), "h:mem_total"), count(t, b.Addr(), "other:mem_total")}; got[0]+got[1]+got[2] != gathers || got[0] == 0 || got[1] == 0 || got[2] == 0 {
		t.Errorf("%v samples of %d gathers", got, gathers)
	}
	if all := strings.Join(series(t, b.Addr(), "other"), "\n"); !strings.Contains(all, "rack 2") || strings.Contains(all, "rack 1") {
		t.Errorf("labels of the new host: %.300s", all)
	}
}

// TestReloadOfServers: the web server and the one for health checks start, change and stop. A changed server keeps its listener.
func TestReloadOfServers(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	yaml := func(rest string) string { return yamlFor(s.Addr(), "h", "interval: 100ms") + rest }
	p := startReloading(t, yaml(""))
	p.reload(yaml("web: {listen: 127.0.0.1:0}\nhealth: {listen: 127.0.0.1:0}\n"))
	p.waitFor("settings=\"web, health\"", 1)
	p.reload(yaml("web: {listen: 127.0.0.1:0, max_connections: 7}\nhealth: {listen: 127.0.0.1:0}\n"))
	p.waitFor("settings=web continue=9", 1)
	log, _ := p.log.read()
	urls := regexp.MustCompile(`dashboard and Prometheus' API url=http://(\S+)`).FindAllStringSubmatch(log, -1)
	health := regexp.MustCompile(`health checks url=http://(\S+)`).FindAllStringSubmatch(log, -1)
	if len(urls) != 2 || urls[0][1] != urls[1][1] || len(health) != 1 {
		t.Fatalf("listeners: %v, %v", urls, health)
	}
	request := func(addr, path string) string {
		t.Helper()
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		fmt.Fprintf(c, "GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", path)
		answer := new(strings.Builder)
		buf := make([]byte, 64<<10)
		for {
			n, err := c.Read(buf)
			answer.Write(buf[:n])
			if err != nil {
				return answer.String()
			}
		}
	}
	if got := request(urls[0][1], "/health"); !strings.Contains(got, "200 OK") {
		t.Error(got)
	}
	p.waitFor("first samples are written", 1)
	if got := request(health[0][1], "/ready"); !strings.Contains(got, "200 OK") || !strings.Contains(got, `{"id":"redistimeseries","state":"ok","since":"20`) {
		t.Error(got)
	}
	p.reload(yaml("health: {listen: " + urls[0][1] + "}\n")) // the port of the web server
	p.waitFor("nothing was changed", 1)
	p.reload(yaml(""))
	p.waitFor("settings=\"web, health\"", 2)
	for _, addr := range []string{urls[0][1], health[0][1]} {
		if got := request(addr, "/health"); !strings.Contains(got, "refused") {
			t.Errorf("%s still answers: %s", addr, got)
		}
	}
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestWatch: the agent reloads when its file changes.
func TestWatch(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	p := startReloading(t, yamlFor(s.Addr(), "h", "interval: 1s"), "--watch")
	other := p.file + ".new"
	if err := os.WriteFile(other, []byte(yamlFor(s.Addr(), "h", "interval: 1s", "debug: true")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, p.file); err != nil {
		t.Fatal(err)
	}
	p.waitFor("the new configuration runs settings=debug", 1)
	p.write(t, "inputs: [")
	p.waitFor("nothing was changed: the old configuration continues", 1)
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestReloadNotifications: systemd learns when a reload begins and ends, also of one that is refused.
func TestReloadNotifications(t *testing.T) {
	heedHangUps(t)
	n := listenNotifications(t)
	file := writeConfig(t, "interval: 1s\ninputs: [internal]\noutputs: [stdout]\n")
	cmd := startNotifying(t, n, 1000*patience, file)
	n.waitFor("READY=1")
	for _, yaml := range []string{"interval: 2s\ninputs: [internal]\noutputs: [stdout]\n", "inputs: [nope]\noutputs: [stdout]\n"} {
		if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		got := n.waitFor("RELOADING=1")
		stamp, isStamp := strings.CutPrefix(got[1], "MONOTONIC_USEC=")
		if _, err := strconv.ParseUint(stamp, 10, 64); !isStamp || err != nil || len(got) != 3 {
			t.Errorf("%q", got)
		}
		if got := n.waitFor("READY=1"); got[1] != "STATUS=1 input, 1 output" {
			t.Errorf("%q", got)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	n.waitFor("STOPPING=1")
}
