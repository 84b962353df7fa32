package chaos

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

var soak = flag.Duration("soak.for", 0, "how long TestSoak takes; 0: it is skipped")

// inNamespace tells the test that it is the process 1 of its own name spaces, whose interfaces and processes it may make and end.
const inNamespace = "RTC_TEST_SOAK"

// TestSoak lets interfaces, processes, connections and series of a page come and go while the agent gathers every 100 ms. After a
// third of the time, memory, descriptors and goroutines must not grow any more.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("takes minutes: make soak")
	}
	if os.Getenv(inNamespace) != "" {
		soakInside(t)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs name spaces")
	}
	flags := []string{"--net", "--pid", "--fork", "--mount-proc"}
	servicetest.RequireNamespaces(t, flags...)
	servicetest.RequireCommands(t, "iproute2", "ip")
	cmd := exec.Command("unshare", append(flags, os.Args[0], "-test.run", "^TestSoak$", "-test.v", "-soak.for", soak.String())...)
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

func soakInside(t *testing.T) {
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var round atomic.Int64
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 20 {
			fmt.Fprintf(w, "soak_gauge{job=\"%d\"} 1\n", round.Load()*20+int64(i))
		}
	}))
	t.Cleanup(page.Close)
	a := start(t, "", agentOptions{interval: 100 * time.Millisecond, retention: 5 * time.Second, inputs: []string{"{prometheus: {url: '" + page.URL + "'}}"}})
	var warm, worst footprint
	begin := time.Now()
	for passed := time.Duration(0); passed < *soak; passed = time.Since(begin) {
		round.Add(1)
		comeAndGo(t, round.Load())
		if round.Load()%20 != 0 {
			continue
		}
		a.ledger.forgetAll() // it would keep the series alive
		a.server.FlushAll()  // which is in this process, and keeps the series of what is gone
		now := measure()
		if passed < *soak/3 {
			warm = warm.max(now)
		} else {
			worst = worst.max(now)
		}
	}
	t.Logf("%d rounds; until a third of the time %v; afterwards %v", round.Load(), warm, worst)
	if worst.goroutines > warm.goroutines+10 || worst.descriptors > warm.descriptors+20 || worst.heap > warm.heap+warm.heap/4+(2<<20) {
		t.Error("something grows")
	}
	if round.Load() < 20 {
		t.Error("too few rounds")
	}
}

// comeAndGo makes a pair of interfaces, a process and a connection, and removes them.
func comeAndGo(t *testing.T, round int64) {
	t.Helper()
	run := func(command string) {
		args := strings.Fields(command)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
	}
	name := fmt.Sprintf("soak%d", round)
	run("ip link add " + name + " type veth peer name " + name + "b")
	run("ip link set " + name + " up")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	run("sleep 0.25") // a process that two or three gathers see, with the interface and the connection
	_, _ = c.Close(), l.Close()
	run("ip link delete " + name)
}

// footprint is what this process holds.
type footprint struct {
	goroutines, descriptors int
	heap                    uint64 // bytes in use after a collection
}

func measure() footprint {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), servicetest.CountDescriptors(), m.HeapInuse}
}

func (f footprint) max(other footprint) footprint {
	return footprint{max(f.goroutines, other.goroutines), max(f.descriptors, other.descriptors), max(f.heap, other.heap)}
}

func (f footprint) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %.1f MB of heap", f.goroutines, f.descriptors, float64(f.heap)/1e6)
}
