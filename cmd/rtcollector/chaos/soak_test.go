package chaos

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/embedded/embeddedtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

var soak = flag.Duration("soak.for", 0, "how long TestSoak takes; 0: it is skipped")

// TestSoak lets interfaces, processes, connections and series of a page come and go while the agent gathers every 100 ms. After a
// third of the time, memory, descriptors and goroutines must not grow any more.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("takes minutes: make soak")
	}
	if isInside() {
		soakInside(t)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs name spaces")
	}
	flags := []string{"--net", "--pid", "--fork", "--mount-proc"}
	servicetest.RequireNamespaces(t, flags...)
	servicetest.RequireCommands(t, "iproute2", "ip")
	runInside(t, flags, *soak+10*time.Minute, "^TestSoak$", "-soak.for", soak.String())
}

func soakInside(t *testing.T) {
	run(t, "ip link set lo up")
	var round atomic.Int64
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 20 {
			fmt.Fprintf(w, "soak_gauge{job=\"%d\"} 1\n", round.Load()*20+int64(i))
		}
	}))
	t.Cleanup(page.Close)
	server, _ := embeddedtest.Start(t, embedded.Config{})
	address, port, _ := strings.Cut(server.Addr(), ":")
	runHere(t, configuration(100*time.Millisecond, "", fmt.Sprintf("{redistimeseries: {host: %s, port: %s, retention: 5s}}", address, port),
		"{prometheus: {url: '"+page.URL+"'}}"), &servicetest.Log{})
	var warm, worst footprint
	begin := time.Now()
	for passed := time.Duration(0); passed < *soak; passed = time.Since(begin) {
		round.Add(1)
		comeAndGo(t, round.Load())
		if round.Load()%20 != 0 {
			continue
		}
		server.FlushAll() // which is in this process, and keeps the series of what is gone
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
	name := fmt.Sprintf("soak%d", round)
	run(t, "ip link add "+name+" type veth peer name "+name+"b")
	run(t, "ip link set "+name+" up")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	run(t, "sleep 0.25") // a process that two or three gathers see, with the interface and the connection
	_, _ = c.Close(), l.Close()
	run(t, "ip link delete "+name)
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
