package nginx

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

const (
	page = "Active connections: 291 \nserver accepts handled requests\n 16630948 16630940 31070465 \nReading: 6 Writing: 179 Waiting: 106 \n"

	// allocsPerRequest bounds the allocations of a request: net/http makes half of them, the server of the test the other half.
	allocsPerRequest = 150

	allocsPerPlusGather = 12_000 // 18 requests and their JSON
)

func inputConfig(hosts ...string) string {
	text := "urls:\n"
	for _, h := range hosts {
		text += "  - http://" + h + "/nginx_status\n"
	}
	return text
}

func trimScheme(url string) string { return strings.TrimPrefix(url, "http://") }

func TestPlugin(t *testing.T) {
	s := httpxtest.Page(t, page)
	one, two := trimScheme(s.URL), trimScheme(httpxtest.Page(t, page).URL)
	_, api := newAPI(t)
	both := "urls: [" + s.URL + "/a, " + s.URL + "/b]"
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "one", Config: "status_url: " + s.URL, Allocs: allocsPerRequest},
		plugintest.Case{Name: "two", Config: inputConfig(one, two), Allocs: 2 * allocsPerRequest},
		plugintest.Case{Name: "one server's two", Config: both, Allocs: 2 * allocsPerRequest},
		plugintest.Case{Name: "plus", Config: "status_url: " + api, Allocs: allocsPerPlusGather},
		plugintest.Case{Name: "API of a version, and stub_status", Config: "urls: ['" + api + "/9/', '" + s.URL + "']", Allocs: allocsPerPlusGather},
		plugintest.Case{Name: "one is down", Config: inputConfig(one, servicetest.RefusingAddr), Error: "cannot be reached: start it"},
	)
}

func TestValues(t *testing.T) {
	s := httpxtest.Page(t, page)
	p := plugintest.Start(t, Plugin, inputConfig("me:hidden@"+trimScheme(s.URL)), plugintest.Env("nginx", ""))
	suffix := "_127.0.0.1_" + s.URL[strings.LastIndex(s.URL, ":")+1:]
	want := map[string]float64{"nginx_active": 291, "nginx_accepts": 16630948, "nginx_handled": 16630940, "nginx_requests": 31070465,
		"nginx_reading": 6, "nginx_writing": 179, "nginx_waiting": 106, "nginx_dropped": 8}
	if diff := cmp.Diff(want, plugintest.Without(p.Gather(0), suffix)); diff != "" {
		t.Error(diff)
	}
	if got := p.Gather(10)["nginx_requests_rate"+suffix]; got != 0 {
		t.Errorf("a rate of %v", got)
	}
}

const conf = `daemon off; master_process off; user root; pid $DIR/pid; error_log $DIR/error;
events {}
http {
  access_log off;
  client_body_temp_path $DIR/1; proxy_temp_path $DIR/2; fastcgi_temp_path $DIR/3; uwsgi_temp_path $DIR/4; scgi_temp_path $DIR/5;
  server { listen 127.0.0.1:$PORT; listen unix:$DIR/s;
    location = /nginx_status { stub_status; }
    location = /private { stub_status; auth_basic x; auth_basic_user_file $DIR/users; }
    location = /denied { stub_status; deny all; }
  }
}`

func startNginx(t testing.TB) *httpxtest.Daemon {
	files := map[string]string{"conf": conf, "users": "ann:{PLAIN}wonder\n"}
	return httpxtest.Start(t, "nginx-light", files, "nginx", "-c", "$DIR/conf", "-p", "$DIR", "-e", "$DIR/error")
}

// The counters match the requests that the test makes.
func TestAgainstNginx(t *testing.T) {
	d := startNginx(t)
	addr := "127.0.0.1:" + d.Port
	p := plugintest.Start(t, Plugin, inputConfig(addr), plugintest.Env("nginx", ""))
	value := func(m map[string]float64, name string) float64 { return m["nginx_"+name+"_127.0.0.1_"+d.Port] }
	before := p.Gather(0)
	for range 20 { // each on its own connection
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		_, _ = io.ReadAll(conn)
		_ = conn.Close()
	}
	idle, err := net.Dial("tcp", addr) // counted as reading
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	_, _ = io.WriteString(idle, "GET /nginx_status HTTP/1.1\r\nHost: x\r\n\r\n")
	buf := make([]byte, 4096)
	n, _ := idle.Read(buf)
	after := p.Gather(10)
	for name, want := range map[string]float64{"accepts": 21, "handled": 21, "requests": 22} { // our own connection is kept
		if got := value(after, name) - value(before, name); got != want {
			t.Errorf("%s grew by %v, want %v", name, got, want)
		}
		if got := value(after, name+"_rate"); got != want/10 {
			t.Errorf("%s_rate is %v, want %v", name, got, want/10)
		}
	}
	if value(after, "active") != 2 || value(after, "waiting") != 1 || value(after, "writing") != 1 || value(after, "dropped") != 0 {
		t.Errorf("%v", after)
	}
	if !strings.Contains(string(buf[:n]), fmt.Sprintf(" %.0f %.0f %.0f ", value(after, "accepts"), value(after, "handled"), value(after, "requests")-1)) {
		t.Errorf("%v, nginx reports %s", after, buf[:n])
	}
}

func TestAccess(t *testing.T) {
	d := startNginx(t)
	socket := "unix://" + d.Dir + "/s:/nginx_status"
	for config, want := range map[string]string{
		"{status_url: '" + d.URL("/private") + "', username: ann, password: wonder}": "",
		"{status_url: '" + socket + "'}":                                             "",
		"{status_url: '" + d.URL("/private") + "', username: ann, password: wrong}":  "401 Unauthorized: it refuses the username",
		"{status_url: '" + d.URL("/private") + "'}":                                  "401 Unauthorized: set username",
		"{status_url: '" + d.URL("/denied") + "'}":                                   "403 Forbidden: allow this host",
		"{status_url: '" + d.URL("/") + "'}":                                         "404 Not Found",
	} {
		b, err := plugintest.Start(t, Plugin, config, plugintest.Env("nginx", "")).Batch(0)
		switch {
		case want == "" && (err != nil || b.Len() != 8):
			t.Errorf("%s: %v", config, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", config, err, want)
		}
	}
}

// The service is down at first, starts, stops and starts again, with counters that begin at zero.
func TestRestart(t *testing.T) {
	d := startNginx(t)
	p := plugintest.Start(t, Plugin, inputConfig("127.0.0.1:"+d.Port), plugintest.Env("nginx", ""))
	p.Gather(0)
	d.Stop()
	if b, err := p.Batch(10); err == nil || b.Len() != 0 {
		t.Errorf("%d samples, %v", b.Len(), err)
	}
	d.Run()
	for key, v := range p.Gather(20) {
		if strings.Contains(key, "_rate_") && v < 0 {
			t.Errorf("%s is %v", key, v)
		}
	}
}

func TestMisbehaving(t *testing.T) {
	good := trimScheme(httpxtest.Page(t, page).URL)
	withGood := func(addr string) string { return inputConfig(addr, good) }
	plugintest.Misbehaving(t, Plugin, httpxtest.Misbehaving(t), withGood, func(t *testing.T, _ string, b *telemetry.Batch) {
		if b.Len() != 8 {
			t.Errorf("%d samples of the other server", b.Len())
		}
	})
}

func TestNothingLeaks(t *testing.T) {
	plugintest.Flapping(t, Plugin, page, 0)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(page))
	f.Add([]byte("Active connections: 1\nserver accepts handled requests request_time\n 1 1 1 7\nReading: 0 Writing: 1 Waiting: 0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fields, ok := parseStubStatus(data)
		for _, v := range fields {
			if ok && v < 0 {
				t.Error(fields)
			}
		}
	})
}
