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

// request is what one request costs in allocations: net/http makes them, and the server of the test as many again.
const request = 150

func recorded(t testing.TB, name string) string { return plugintest.Read(t, "testdata/"+name) }

func serve(t testing.TB, name string) string {
	return httpxtest.Page(t, recorded(t, name)).URL + "/server-status?auto"
}

func TestPlugin(t *testing.T) {
	full, old := serve(t, "2.4-event"), serve(t, "2.2-prefork")
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "2.4", Config: "status_url: " + full, Allocs: request},
		plugintest.Case{Name: "2.2", Config: "status_url: " + old, Allocs: request},
		plugintest.Case{Name: "two", Config: "urls: ['" + full + "', '" + old + "']", Allocs: 2 * request},
		plugintest.Case{Name: "one server's two", Config: "urls: ['" + full + "', '" + full + "&x=1']", Allocs: 2 * request},
		plugintest.Case{Name: "one is gone", Config: "urls: ['" + full + "', 'http://" + servicetest.RefusingAddr + "']", Error: "cannot be reached: start it"},
		plugintest.Case{Name: "without auto", Config: "status_url: " + httpxtest.Page(t, "<!DOCTYPE HTML>\n<html><head>\n<title>Apache Status</title>").URL, Error: "an HTML page instead of the page of Apache's mod_status (its URL ends in ?auto)"},
	)
}

// values returns what was gathered by the names on the page.
func values(t testing.TB, p *plugintest.Probe, second float64) map[string]float64 {
	t.Helper()
	b, err := p.Batch(second)
	if err != nil {
		t.Error(err)
	}
	return plugintest.Without(plugintest.ByName(b), "apache_")
}

func TestValues(t *testing.T) {
	p := plugintest.Start(t, Plugin, "status_url: "+serve(t, "2.4-event"), plugintest.Env("apache", ""))
	got := values(t, p, 0)
	plugintest.Expect(t, got, map[string]float64{
		"TotalAccesses": 31, "TotalkBytes": 40, "TotalDuration": 17, "CPULoad": .25, "ReqPerSec": 1.24, "BusyWorkers": 2, "CacheIndexUsage": 3,
		"scboard_waiting": 71, "scboard_sending": 1, "scboard_keepalive": 1, "scboard_starting": 1, "scboard_open": 5, "info": 1,
	})
	if _, has := got["scboard_reading"]; !has {
		t.Error("no series of a state that nobody is in")
	}
}

// TestUpgrade: the version is a label of a series that stays the same.
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

func start(t testing.TB) *httpxtest.Daemon {
	t.Helper()
	modules := filepath.Dir(servicetest.RequireFile(t, "apache2-bin", "apache2", "usr/lib/apache2/modules/mod_status.so"))
	files := map[string]string{"conf": strings.ReplaceAll(conf, "$MODULES", modules)}
	return httpxtest.Start(t, "apache2-bin", files, "apache2", "-f", "$DIR/conf", "-DFOREGROUND")
}

// TestAgainstApache compares with what Apache counted of the requests that the test made itself, and with its own page in
// the same moment.
func TestAgainstApache(t *testing.T) {
	d := start(t)
	p := plugintest.Start(t, Plugin, "status_url: "+d.URL("/server-status?auto"), plugintest.Env("apache", ""))
	before := values(t, p, 0)
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
	after := values(t, p, 10)
	if got := after["TotalAccesses"] - before["TotalAccesses"]; got < requests || got > requests+1 { // ours is counted when it is done
		t.Errorf("%v requests, want %v", got, requests)
	}
	if got := after["TotalAccesses_rate"]; got != (after["TotalAccesses"]-before["TotalAccesses"])/10 {
		t.Errorf("a rate of %v", got)
	}
	busy := 0.0
	for _, state := range states() { // mod_status.c: busy is whoever is neither ready nor without a process
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
	for line := range strings.Lines(page) { // whatever number there is, is written
		name, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if _, isNumber := number([]byte(text)); !isNumber || strings.HasPrefix(name, "ProxyBalancer") {
			continue
		}
		if _, has := after[strings.ReplaceAll(name, " ", "")]; !has {
			t.Errorf("%q is not written", line)
		}
	}
}

// byWorker returns what was gathered of balancers: names, balancers, workers.
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
	d := start(t)
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
	d := start(t)
	p := plugintest.Start(t, Plugin, "status_url: "+d.URL("/server-status?auto"), plugintest.Env("apache", ""))
	values(t, p, 0)
	d.Stop()
	if b, err := p.Batch(10); err == nil || b.Len() != 0 {
		t.Errorf("%d samples, %v", b.Len(), err)
	}
	d.Run()
	values(t, p, 20)
	_, err := plugintest.Start(t, Plugin, "status_url: "+d.URL("/denied?auto"), plugintest.Env("apache", "")).Batch(0)
	if err == nil || !strings.Contains(err.Error(), "403 Forbidden: allow this host") {
		t.Error(err)
	}
}

func TestMisbehaving(t *testing.T) {
	good := serve(t, "2.4-event")
	beside := func(addr string) string { return "urls: ['http://" + addr + "/', '" + good + "']" }
	plugintest.Misbehaving(t, Plugin, httpxtest.Misbehaving(t), beside, func(t *testing.T, _ string, b *telemetry.Batch) {
		if b.Len() < 40 {
			t.Errorf("%d samples of the other server", b.Len())
		}
	})
}

func TestNothingLeaks(t *testing.T) {
	plugintest.Flapping(t, Plugin, recorded(t, "2.4-event"), 0)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(recorded(f, "2.4-event")))
	f.Add([]byte(recorded(f, "2.2-prefork")))
	f.Add([]byte("Load1: -nan\nTotal Accesses: -1\nUptime: 1e999\nCPULoad: Inf\nScoreboard:"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, out := newBalancers(telemetry.NewFactory("h", "apache", nil, 1), nil), &telemetry.Batch{}
		b.begin()
		defer b.end(out)
		eachField(data, func(name, value []byte) {
			b.add(out, name, value)
			if v, ok := number(value); ok && !(v >= 0 && v <= 1<<63) {
				t.Error(v)
			}
		})
	})
}
