package nginx

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// fakeAPI answers like NGINX Plus, which is not available without a contract. Its replies have the form in
// nginx.org/en/docs/http/ngx_http_api_module.html, version 9.
type fakeAPI struct {
	mu      sync.Mutex
	answers map[string]json.RawMessage
	status  map[string]int // instead of an answer
	asked   []string
}

func newAPI(t testing.TB) (*fakeAPI, string) {
	t.Helper()
	data, err := os.ReadFile("testdata/plus.json")
	if err != nil {
		t.Fatal(err)
	}
	a := &fakeAPI{status: map[string]int{}}
	if err := json.Unmarshal(data, &a.answers); err != nil {
		t.Fatal(err)
	}
	return a, httpxtest.Pages(t, a.serve).URL + "/api"
}

func (a *fakeAPI) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, "/api"), "/")
	a.asked = append(a.asked, path)
	version, rest, _ := strings.Cut(path, "/")
	answer, has := a.answers[rest]
	switch {
	case version == "9" && rest == "":
		answer = json.RawMessage(`["nginx","processes","connections","slabs","http","stream","resolvers","ssl","workers"]`)
	case a.status[rest] != 0:
		w.WriteHeader(a.status[rest])
	case !has || version != "" && version != "9":
		w.WriteHeader(http.StatusNotFound)
		answer = json.RawMessage(`{"error":{"status":404,"text":"path not found","code":"PathNotFound"},"request_id":"x","href":"https://nginx.org/en/docs/http/ngx_http_api_module.html"}`)
	}
	_, _ = w.Write(answer)
}

func (a *fakeAPI) setReply(path, answer string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[path] = json.RawMessage(answer)
}

// requestedPaths returns the paths that were requested since the last call.
func (a *fakeAPI) requestedPaths() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

// shortKeys returns the values by the part of their keys after server and port.
func shortKeys(b *telemetry.Batch) map[string]float64 {
	m := map[string]float64{}
	for i := range b.Len() {
		s, _, v := b.Sample(i)
		key := strings.TrimPrefix(s.Name(), "nginx_")
		for _, l := range s.Labels() {
			switch l.Key {
			case "server", "port", "host", "source", "environment", "unit":
			default:
				key += " " + l.Key + "=" + l.Value
			}
		}
		m[key] = v
	}
	return m
}

func TestPlusValues(t *testing.T) {
	a, url := newAPI(t)
	p := plugintest.Start(t, Plugin, "status_url: "+url, plugintest.Env("nginx", ""))
	b, err := p.Batch(0)
	if err != nil {
		t.Fatal(err)
	}
	got := shortKeys(b)
	for name, want := range map[string]float64{
		"accepts": 4968119, "handled": 4968109, "dropped": 10, "active": 122, "waiting": 117, "requests": 10624511, "requests_current": 4,
		"info build=nginx-plus-r33 version=1.27.2": 1, "generation": 6, "processes_respawned": 1, "ssl_verify_failures_expired_cert": 2,
		"http_server_zone_processing zone=site1": 2, "http_server_zone_responses_2xx zone=site2": 1, "http_server_zone_responses_codes code=404 zone=site1": 930,
		"http_location_zone_sent zone=images": 20183175459, "http_cache_cold zone=http_cache": 0, "http_cache_hit_bytes zone=http_cache": 6685627875,
		"http_limit_req_delayed zone=addr": 2, "http_upstream_keepalive upstream=backend": 3, "http_upstream_queue_size upstream=backend": 1,
		"http_upstream_peer_state peer=10.0.0.1:8088 upstream=backend":                                   0,
		"http_upstream_peer_state peer=10.0.0.2:8088 upstream=backend":                                   5,
		"http_upstream_peer_state id=3 peer=10.0.0.3:8088 upstream=backend":                              2,
		"http_upstream_peer_info name=10.0.0.2:8088 peer=10.0.0.2:8088 state=unhealthy upstream=backend": 1,
		"http_upstream_peer_health_checks_last_passed peer=10.0.0.2:8088 upstream=backend":               1,
		"http_upstream_peer_active id=2 peer=10.0.0.3:8088 upstream=backend":                             2,
		"stream_server_zone_sessions_total zone=mysql":                                                   270925,
		"stream_upstream_peer_state peer=unix:/run/mysql.sock upstream=mysql":                            1,
		"stream_zone_sync_records_pending zone=zone1":                                                    2061, "stream_zone_sync_nodes_online": 15,
		"resolver_responses_timedout zone=dns": 243, "worker_connections_idle worker=1": 117, "worker_http_requests_total worker=1": 16,
	} {
		if v, has := got[name]; !has || v != want {
			t.Errorf("%s is %v (there: %v), want %v", name, v, has, want)
		}
	}
	a.setReply("http/server_zones", `{"site1":{"requests":736495,"sent":20183175459,"newer":1}}`)
	a.setReply("connections", `{"accepted":4968139,"dropped":10,"active":5,"idle":117}`)
	b, err = p.Batch(10)
	second := shortKeys(b)
	if err != nil || second["http_server_zone_requests_rate zone=site1"] != 10 || second["accepts_rate"] != 2 || second["http_upstream_peer_downtime_rate peer=10.0.0.1:8088 upstream=backend"] != 0 {
		t.Errorf("%v: %v", err, second)
	}
	for name := range second {
		if strings.Contains(name, "zone=site2") || strings.Contains(name, "newer") || strings.Contains(name, "_pid") {
			t.Errorf("%s is there", name)
		}
	}
	if _, has := second["http_upstream_peer_downtime_rate peer=10.0.0.1:8088 upstream=backend"]; !has {
		t.Error("a counter without a rate")
	}
}

// Peers appear, disappear and change their states. The series of removed peers end.
func TestPeersComeAndGo(t *testing.T) {
	a, url := newAPI(t)
	p := plugintest.Start(t, Plugin, "status_url: "+url, plugintest.Env("nginx", ""))
	p.Gather(0)
	made := p.Input.Gatherer.(httpx.Group[*server])[0].plus.series.values.Len()
	for i, c := range []struct {
		peers string
		want  map[string]float64
	}{
		{`{"id":0,"server":"a:1","state":"up"},{"id":1,"server":"b:1","state":"unavail"}`, map[string]float64{
			"http_upstream_peer_state peer=a:1 upstream=u": 0, "http_upstream_peer_info peer=a:1 state=up upstream=u": 1,
			"http_upstream_peer_state peer=b:1 upstream=u": 3, "http_upstream_peer_info peer=b:1 state=unavail upstream=u": 1}},
		{`{"id":1,"server":"b:1","state":"new state"}`, map[string]float64{"http_upstream_peer_state peer=b:1 upstream=u": -1, "http_upstream_peer_info peer=b:1 state=new state upstream=u": 1}},
		{`{"id":1,"server":"b:1","state":"up"}, 7, {"id":2}`, map[string]float64{"http_upstream_peer_state peer=b:1 upstream=u": 0, "http_upstream_peer_info peer=b:1 state=up upstream=u": 1}},
		{``, map[string]float64{}}, {``, map[string]float64{}}, {``, map[string]float64{}},
	} {
		a.setReply("http/upstreams", `{"u":{"peers":[`+c.peers+`]}}`)
		b, err := p.Batch(float64(10 + 10*i))
		got := shortKeys(b)
		maps.DeleteFunc(got, func(name string, _ float64) bool { return !strings.HasPrefix(name, "http_upstream") })
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%d: %v %s", i, err, diff)
		}
	}
	if n := p.Input.Gatherer.(httpx.Group[*server])[0].plus.series.values.Len(); n >= made-100 {
		t.Errorf("%d series are remembered of %d", n, made)
	}
}

// An endpoint that does not exist is not read again until nginx has reloaded its configuration.
func TestMissingEndpoints(t *testing.T) {
	a, url := newAPI(t)
	for _, path := range []string{"workers", "stream/zone_sync", "stream/server_zones"} {
		delete(a.answers, path)
	}
	p := plugintest.Start(t, Plugin, "status_url: "+url, plugintest.Env("nginx", ""))
	asked := func(second float64) int {
		if _, err := p.Batch(second); err != nil {
			t.Error(err)
		}
		return len(a.requestedPaths())
	}
	all := len(endpoints()) + 1 // and the page itself
	if first, second := asked(0), asked(10); first != all || second != all-3 {
		t.Errorf("%d requests, then %d, of %d", first, second, all)
	}
	a.setReply("nginx", `{"version":"1.27.2","generation":7}`)
	if again := asked(20); again != all {
		t.Errorf("after a new configuration: %d", again)
	}
}

func TestPlusErrors(t *testing.T) {
	a, url := newAPI(t)
	gather := func() (int, string) {
		b, err := plugintest.Start(t, Plugin, "status_url: "+url, plugintest.Env("nginx", "")).Batch(0)
		text := ""
		if err != nil {
			text = err.Error()
		}
		return b.Len(), text
	}
	whole, _ := gather()
	a.status["http/upstreams"] = http.StatusForbidden
	if n, err := gather(); n < whole/3 || n >= whole || !strings.HasPrefix(err, "read http/upstreams: "+url+" answers 403 Forbidden") {
		t.Errorf("%d of %d samples, %s", n, whole, err)
	}
	delete(a.status, "http/upstreams")
	a.setReply("ssl", `<html>`)
	if n, err := gather(); n < whole/3 || !strings.Contains(err, "read ssl: not JSON: "+url+" answers with an HTML page instead of the API of NGINX Plus") {
		t.Errorf("%d samples, %s", n, err)
	}
	a.setReply("ssl", `[1]`)
	a.setReply("http/server_zones", `{"a":1,"b":{"requests":"x","responses":[2]}}`)
	a.setReply("nginx", `7`)
	if n, err := gather(); n < whole/3 || err != "" {
		t.Errorf("other kinds than expected: %d samples, %s", n, err)
	}
	a.setReply("", `[10,11]`)
	if n, err := gather(); n != 0 || !strings.Contains(err, "offers no version of the API up to 9: update rtcollector") {
		t.Errorf("%d samples, %s", n, err)
	}
}

// The path of a version is below that of the URL, and the query of the URL is kept.
func TestPlusURL(t *testing.T) {
	var asked []string
	s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		_, _ = io.WriteString(w, map[bool]string{true: "[1,7,3]", false: "{}"}[r.URL.Path == "/deep/api/"])
	})
	if _, err := plugintest.Start(t, Plugin, "status_url: "+s.URL+"/deep/api/?k=v", plugintest.Env("nginx", "")).Batch(0); err != nil {
		t.Error(err)
	}
	if len(asked) < 2 || asked[0] != "/deep/api/?k=v" || asked[1] != "/deep/api/7/nginx?k=v" {
		t.Errorf("%q", asked)
	}
}

func FuzzPlus(f *testing.F) {
	data, err := os.ReadFile("testdata/plus.json")
	if err != nil {
		f.Fatal(err)
	}
	var answers map[string]json.RawMessage
	if err := json.Unmarshal(data, &answers); err != nil {
		f.Fatal(err)
	}
	for _, e := range endpoints() {
		f.Add(e.path, []byte(answers[e.path]))
	}
	f.Add("", []byte(`[1,2]`))
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		_, _ = findVersion(data)
		var answer any
		if json.Unmarshal(data, &answer) != nil {
			return
		}
		p := newPlusSeries(telemetry.NewFactory("h", "nginx", nil), nil)
		for _, e := range endpoints() {
			if e.path != path {
				continue
			}
			b := &telemetry.Batch{}
			p.addEndpoint(b, &e, answer)
			for i := range b.Len() {
				if s, _, _ := b.Sample(i); !strings.HasPrefix(s.Name(), "nginx_") {
					t.Error(s)
				}
			}
		}
	})
}
