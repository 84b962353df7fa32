package apache

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// allocsPerRequest bounds the allocations of a request: net/http makes half of them, the server of the test the other half.
const allocsPerRequest = 150

func readTestdata(t testing.TB, name string) string { return plugintest.Read(t, "testdata/"+name) }

func serveFile(t testing.TB, name string) string {
	return httpxtest.Page(t, readTestdata(t, name)).URL + "/server-status?auto"
}

func TestPlugin(t *testing.T) {
	full, old := serveFile(t, "2.4-event"), serveFile(t, "2.2-prefork")
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "2.4", Config: "status_url: " + full, Allocs: allocsPerRequest},
		plugintest.Case{Name: "2.2", Config: "status_url: " + old, Allocs: allocsPerRequest},
		plugintest.Case{Name: "two", Config: "urls: ['" + full + "', '" + old + "']", Allocs: 2 * allocsPerRequest},
		plugintest.Case{Name: "one server's two", Config: "urls: ['" + full + "', '" + full + "&x=1']", Allocs: 2 * allocsPerRequest},
		plugintest.Case{Name: "one is down", Config: "urls: ['" + full + "', 'http://" + servicetest.RefusingAddr + "']", Error: "cannot be reached: start it"},
		plugintest.Case{Name: "without auto", Config: "status_url: " + httpxtest.Page(t, "<!DOCTYPE HTML>\n<html><head>\n<title>Apache Status</title>").URL, Error: "an HTML page instead of the page of Apache's mod_status (its URL ends in ?auto)"},
	)
}

// gatherValues gathers and returns the values by their names on the page.
func gatherValues(t testing.TB, p *plugintest.Probe, second float64) map[string]float64 {
	t.Helper()
	b, err := p.Batch(second)
	if err != nil {
		t.Error(err)
	}
	return plugintest.Without(plugintest.ByName(b), "apache_")
}

func TestValues(t *testing.T) {
	p := plugintest.Start(t, Plugin, "status_url: "+serveFile(t, "2.4-event"), plugintest.Env("apache", ""))
	got := gatherValues(t, p, 0)
	plugintest.Expect(t, got, map[string]float64{
		"TotalAccesses": 31, "TotalkBytes": 40, "TotalDuration": 17, "CPULoad": .25, "ReqPerSec": 1.24, "BusyWorkers": 2, "CacheIndexUsage": 3,
		"scboard_waiting": 71, "scboard_sending": 1, "scboard_keepalive": 1, "scboard_starting": 1, "scboard_open": 5, "info": 1,
	})
	if _, has := got["scboard_reading"]; !has {
		t.Error("a state without workers has no series")
	}
}

// An upgrade changes a label of the info series, not the series.
func TestUpgrade(t *testing.T) {
	var version atomic.Value
	s := httpxtest.Pages(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ServerVersion: "+version.Load().(string)+"\nScoreboard: _W\n")
	})
	p := plugintest.Start(t, Plugin, "status_url: "+s.URL, plugintest.Env("apache", ""))
	keys := map[string]bool{}
	for i, v := range []string{"Apache/2.4.1", "Apache/2.4.1", "Apache/2.4.2"} {
		version.Store(v)
		b, err := p.Batch(float64(i))
		if err != nil {
			t.Fatal(err)
		}
		info, _, _ := b.Sample(b.Len() - 1)
		if !strings.Contains(info.String(), `version="`+v+`"`) {
			t.Errorf("%s, want %s", info, v)
		}
		keys[info.BareKey()] = true
	}
	if len(keys) != 1 {
		t.Errorf("%v", keys)
	}
}

const conf = `ServerName x
PidFile $DIR/pid
ErrorLog $DIR/error
DefaultRuntimeDir $DIR
Listen 127.0.0.1:$PORT
User www-data
Group www-data
LoadModule mpm_event_module $MODULES/mod_mpm_event.so
LoadModule authz_core_module $MODULES/mod_authz_core.so
LoadModule status_module $MODULES/mod_status.so
LoadModule proxy_module $MODULES/mod_proxy.so
LoadModule proxy_http_module $MODULES/mod_proxy_http.so
LoadModule slotmem_shm_module $MODULES/mod_slotmem_shm.so
LoadModule lbmethod_byrequests_module $MODULES/mod_lbmethod_byrequests.so
LoadModule proxy_balancer_module $MODULES/mod_proxy_balancer.so
ProxyStatus On
<Proxy balancer://pool>
  BalancerMember http://127.0.0.1:$PORT
  BalancerMember http://127.0.0.1:1 status=+D
</Proxy>
ProxyPass /pool balancer://pool
StartServers 1
ExtendedStatus On
<Location /server-status>
  SetHandler server-status
</Location>
<Location /denied>
  Require all denied
</Location>
`

func startApache(t testing.TB) *httpxtest.Daemon {
	t.Helper()
	modules := filepath.Dir(servicetest.RequireFile(t, "apache2-bin", "apache2", "usr/lib/apache2/modules/mod_status.so"))
	files := map[string]string{"conf": strings.ReplaceAll(conf, "$MODULES", modules)}
	return httpxtest.Start(t, "apache2-bin", files, "apache2", "-f", "$DIR/conf", "-DFOREGROUND")
}

// The values match the requests that the test makes, and the page of the server.
func TestAgainstApache(t *testing.T) {
	d := startApache(t)
	p := plugintest.Start(t, Plugin, "status_url: "+d.URL("/server-status?auto"), plugintest.Env("apache", ""))
	before := gatherValues(t, p, 0)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	const requests = 20
	var page string
	for range requests {
		resp, err := client.Get(d.URL("/server-status?auto"))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		page = string(text)
	}
	after := gatherValues(t, p, 10)
	if got := after["TotalAccesses"] - before["TotalAccesses"]; got < requests || got > requests+1 { // the request for the page is counted when it has ended
		t.Errorf("%v requests, want %v", got, requests)
	}
	if got := after["TotalAccesses_rate"]; got != (after["TotalAccesses"]-before["TotalAccesses"])/10 {
		t.Errorf("a rate of %v", got)
	}
	busy := 0.0
	for _, state := range workerStates() { // mod_status.c: a worker is busy unless it is ready or has no process
		switch state.name {
		case "waiting", "starting", "idle_cleanup", "open":
		default:
			busy += after["scboard_"+state.name]
		}
	}
	if busy != after["BusyWorkers"] {
		t.Errorf("%v busy workers on the scoreboard, %v by the count", busy, after["BusyWorkers"])
	}
	if after["scboard_waiting"] != after["IdleWorkers"] {
		t.Errorf("%v idle workers on the scoreboard, %v by the count", after["scboard_waiting"], after["IdleWorkers"])
	}
	for line := range strings.Lines(page) { // every number of the page is written
		name, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if _, isNumber := parseNumber([]byte(text)); !isNumber || strings.HasPrefix(name, "ProxyBalancer") {
			continue
		}
		if _, has := after[strings.ReplaceAll(name, " ", "")]; !has {
			t.Errorf("%q is not written", line)
		}
	}
}

// byWorker returns the samples of balancers by name, balancer and worker.
func byWorker(b *telemetry.Batch) map[string]float64 {
	m := map[string]float64{}
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		name, isOurs := strings.CutPrefix(s.Name(), "apache_balancer_worker_")
		for _, l := range s.Labels() {
			if l.Key == "balancer" || l.Key == "worker" || l.Key == "status" {
				name += " " + l.Value
			}
		}
		if isOurs {
			m[name] = v
		}
	}
	return m
}

func TestBalancers(t *testing.T) {
	d := startApache(t)
	p := plugintest.Start(t, Plugin, "status_url: "+d.URL("/server-status?auto"), plugintest.Env("apache", ""))
	good, off := " pool http://127.0.0.1:"+d.Port, " pool http://127.0.0.1:1"
	_, _ = p.Batch(0)
	for range 10 {
		resp, err := http.Get(d.URL("/pool/x"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	b, err := p.Batch(10)
	got := byWorker(b)
	if err != nil || got["up"+good] != 1 || got["elected"+good] != 10 || got["elected_rate"+good] != 1 || got["up"+off] != 0 || got["elected"+off] != 0 {
		t.Errorf("%v, %v", err, got)
	}
	if _, has := got["busy"+off]; !has || len(got) != 2*9 {
		t.Errorf("%d: %v", len(got), got)
	}
}

func TestBalancerLines(t *testing.T) {
	for page, want := range map[string]map[string]float64{
		"ProxyBalancer[0]Name: balancer://a\nProxyBalancer[0]Worker[0]Name: w\nProxyBalancer[0]Worker[0]Sent: 2K\nProxyBalancer[0]Worker[0]Status: Init Stby Err": {"sent a w": 2, "up a w": 0, "info a Init Stby Err w": 1},
		"ProxyBalancer[0]Name: balancer://a\nProxyBalancer[0]Worker[0]Name: w\nProxyBalancer[0]Worker[0]Busy: 2\n" +
			"ProxyBalancer[1]Name: balancer://a\nProxyBalancer[1]Worker[0]Name: w\nProxyBalancer[1]Worker[0]Busy: 3\nProxyBalancer[1]Worker[1]Name: v\nProxyBalancer[1]Worker[1]Busy: 4": {"busy a w": 2, "busy a v": 4},
		"ProxyBalancer[0]Worker[0]Busy: 2\nProxyBalancer[0]Name: a\nProxyBalancer[0]Worker[0]Busy: 2\nProxyBalancer[0]\nProxyBalancer[: 1\nProxyBalancer[0]Worker[: 1": {},
		"ProxyBalancer[0]Worker[0]Name: w\nProxyBalancer[0]Worker[0]Rcvd: 1.5M\nProxyBalancer[0]Worker[0]Elected: x":                                                   {},
	} {
		s := httpxtest.Page(t, "Scoreboard: _W\n"+page+"\n")
		b, err := plugintest.Start(t, Plugin, "status_url: "+s.URL, plugintest.Env("apache", "")).Batch(0)
		if diff := cmp.Diff(want, byWorker(b)); diff != "" || err != nil {
			t.Errorf("%q: %v %s", page, err, diff)
		}
	}
}

func TestRestartAndDenied(t *testing.T) {
	d := startApache(t)
	p := plugintest.Start(t, Plugin, "status_url: "+d.URL("/server-status?auto"), plugintest.Env("apache", ""))
	gatherValues(t, p, 0)
	d.Stop()
	if b, err := p.Batch(10); err == nil || b.Len() != 0 {
		t.Errorf("%d samples, %v", b.Len(), err)
	}
	d.Run()
	gatherValues(t, p, 20)
	_, err := plugintest.Start(t, Plugin, "status_url: "+d.URL("/denied?auto"), plugintest.Env("apache", "")).Batch(0)
	if err == nil || !strings.Contains(err.Error(), "403 Forbidden: allow this host") {
		t.Error(err)
	}
}

func TestMisbehaving(t *testing.T) {
	good := serveFile(t, "2.4-event")
	withGood := func(addr string) string { return "urls: ['http://" + addr + "/', '" + good + "']" }
	plugintest.Misbehaving(t, Plugin, httpxtest.Misbehaving(t), withGood, func(t *testing.T, _ string, b *telemetry.Batch) {
		if b.Len() < 40 {
			t.Errorf("%d samples of the other server", b.Len())
		}
	})
}

func TestNothingLeaks(t *testing.T) {
	plugintest.Flapping(t, Plugin, readTestdata(t, "2.4-event"), 0)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(readTestdata(f, "2.4-event")))
	f.Add([]byte(readTestdata(f, "2.2-prefork")))
	f.Add([]byte("Load1: -nan\nTotal Accesses: -1\nUptime: 1e999\nCPULoad: Inf\nScoreboard:"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, out := newBalancers(telemetry.NewFactory("h", "apache", nil), nil), &telemetry.Batch{}
		b.beginPage()
		defer b.endPage(out)
		forEachField(data, func(name, value []byte) {
			b.addLine(out, name, value)
			if v, ok := parseNumber(value); ok && !(v >= 0 && v <= 1<<63) {
				t.Error(v)
			}
		})
	})
}
