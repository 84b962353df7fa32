// Package receivertest starts receivers of the classic protocols for tests, and reads back what they have stored. All are real: carbon,
// VictoriaMetrics and InfluxDB.
package receivertest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// Carbon is Graphite's receiver.
type Carbon struct {
	Addr string // of the plaintext protocol, over TCP and UDP

	d *servicetest.Daemon
}

// StartCarbon starts carbon with one sample a second for an hour.
func StartCarbon(t testing.TB) *Carbon {
	t.Helper()
	servicetest.RequireCommands(t, "graphite-carbon", "carbon-cache", "whisper-fetch")
	d := servicetest.New(t)
	d.WriteFile("storage-schemas.conf", "[default]\npattern = .*\nretentions = 1s:1h\n")
	d.WriteFile("carbon.conf", `[cache]
STORAGE_DIR = $DIR
CONF_DIR = $DIR
LOCAL_DATA_DIR = $DIR/whisper
LOG_DIR = $DIR
PID_DIR = $DIR
USER =
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = $PORT
ENABLE_UDP_LISTENER = True
UDP_RECEIVER_INTERFACE = 127.0.0.1
UDP_RECEIVER_PORT = $PORT
PICKLE_RECEIVER_PORT = 0
CACHE_QUERY_PORT = 0
CACHE_QUERY_INTERFACE = 127.0.0.1
ENABLE_TAGS = False
CARBON_METRIC_INTERVAL = 0
`)
	d.Args = []string{"carbon-cache", "--config=$DIR/carbon.conf", "--logdir=$DIR", "--pidfile=$DIR/pid", "--nodaemon", "start"}
	d.StopSignal = os.Interrupt
	d.Run()
	return &Carbon{Addr: d.Addr(), d: d}
}

// Created returns the names of all series that carbon has created, sorted. Only its log has them for series with tags, whose files have the
// names of hashes.
func (c *Carbon) Created() (names []string) {
	for line := range strings.Lines(c.Log()) {
		_, after, ok := strings.Cut(line, "creating database metric ")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(after, " (archive=")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Log returns what carbon has printed.
func (c *Carbon) Log() string {
	text, _ := os.ReadFile(filepath.Join(c.d.Dir, "log"))
	return string(text)
}

// Fetch returns the value that a series without tags has at a second. Ok is false if it has none.
func (c *Carbon) Fetch(t testing.TB, name string, second int64) (value float64, ok bool) {
	t.Helper()
	file := filepath.Join(c.d.Dir, "whisper", filepath.FromSlash(strings.ReplaceAll(name, ".", "/"))+".wsp")
	if _, err := os.Stat(file); err != nil {
		return 0, false
	}
	out, err := exec.Command("whisper-fetch", fmt.Sprint("--from=", second-1), fmt.Sprint("--until=", second), file).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[0] == strconv.FormatInt(second, 10) && fields[1] != "None" {
			value, err = strconv.ParseFloat(fields[1], 64)
			return value, err == nil
		}
	}
	return 0, false
}

// VictoriaMetrics receives Graphite's lines, and OpenTSDB's over both protocols.
type VictoriaMetrics struct {
	Graphite, OpenTSDB, OpenTSDBHTTP string // addresses

	d       *servicetest.Daemon
	exports int
}

// StartVictoriaMetrics starts VictoriaMetrics.
func StartVictoriaMetrics(t testing.TB) *VictoriaMetrics {
	t.Helper()
	servicetest.RequireCommands(t, "victoria-metrics", "victoria-metrics")
	d := servicetest.New(t)
	v := &VictoriaMetrics{d: d}
	for _, addr := range []*string{&v.Graphite, &v.OpenTSDB, &v.OpenTSDBHTTP} {
		*addr = "127.0.0.1:" + servicetest.FreePort(t)
	}
	d.Args = []string{
		"victoria-metrics", "-storageDataPath", "$DIR/data", "-httpListenAddr", "127.0.0.1:$PORT",
		"-retentionPeriod", "100y",
		"-maxConcurrentInserts", "100", // connections without data count
		"-graphiteListenAddr", v.Graphite, "-opentsdbListenAddr", v.OpenTSDB, "-opentsdbHTTPListenAddr", v.OpenTSDBHTTP,
	}
	d.StopSignal = os.Interrupt
	d.Ready = func(ctx context.Context) error {
		_, err := get(ctx, "http://"+d.Addr()+"/health")
		return err
	}
	d.Run()
	return v
}

// Log returns what VictoriaMetrics has printed.
func (v *VictoriaMetrics) Log() string {
	text, _ := os.ReadFile(filepath.Join(v.d.Dir, "log"))
	return string(text)
}

// Series is what a receiver has of a series.
type Series struct {
	Labels map[string]string `json:"metric"` // with __name__
	Times  []int64           `json:"timestamps"`
	Values []float64         `json:"values"`
}

// Export returns everything that is stored.
func (v *VictoriaMetrics) Export(ctx context.Context) ([]Series, error) {
	if _, err := get(ctx, "http://"+v.d.Addr()+"/internal/force_flush"); err != nil {
		return nil, err
	}
	v.exports++ // a filter that is new each time, because VictoriaMetrics keeps which series a filter finds
	all := fmt.Sprintf(`{__name__!="",__name__!="no%d"}`, v.exports)
	page, err := get(ctx, "http://"+v.d.Addr()+"/api/v1/export?"+url.Values{"match[]": {all}, "start": {"0"}}.Encode())
	if err != nil {
		return nil, err
	}
	var found []Series
	lines := bufio.NewScanner(bytes.NewReader(page))
	lines.Buffer(nil, len(page)+1)
	for lines.Scan() {
		var one Series
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("%s: %w", lines.Text(), err) // infinity is not JSON
		}
		found = append(found, one)
	}
	return found, lines.Err()
}

// InfluxDB receives OpenTSDB's lines and requests on one port.
type InfluxDB struct {
	OpenTSDB string // address

	d *servicetest.Daemon
}

// StartInfluxDB starts InfluxDB 1.
func StartInfluxDB(t testing.TB) *InfluxDB {
	t.Helper()
	servicetest.RequireCommands(t, "influxdb", "influxd")
	d := servicetest.New(t)
	i := &InfluxDB{OpenTSDB: "127.0.0.1:" + servicetest.FreePort(t), d: d}
	d.WriteFile("conf", `reporting-disabled = true
bind-address = "127.0.0.1:`+servicetest.FreePort(t)+`"
[meta]
dir = "$DIR/meta"
[data]
dir = "$DIR/data"
wal-dir = "$DIR/wal"
[http]
bind-address = "127.0.0.1:$PORT"
[[opentsdb]]
enabled = true
bind-address = "`+i.OpenTSDB+`"
database = "opentsdb"
batch-size = 1
batch-timeout = "10ms"
`)
	d.Args = []string{"influxd", "-config", "$DIR/conf"}
	d.StopSignal = os.Interrupt
	d.Ready = func(ctx context.Context) error { // its receiver would create the database some time later
		_, err := request(ctx, http.MethodPost, "http://"+d.Addr()+"/query?q=CREATE+DATABASE+opentsdb")
		return err
	}
	d.Run()
	return i
}

// Query returns the answer to a query, as JSON.
func (i *InfluxDB) Query(ctx context.Context, query string) (string, error) {
	page, err := get(ctx, "http://"+i.d.Addr()+"/query?"+url.Values{"db": {"opentsdb"}, "q": {query}}.Encode())
	return string(page), err
}

func get(ctx context.Context, address string) ([]byte, error) {
	return request(ctx, http.MethodGet, address)
}

func request(ctx context.Context, method, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: status %d: %s", address, resp.StatusCode, page)
	}
	return page, err
}
