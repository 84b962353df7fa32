// Package querytest fills a Redis with samples, for tests of PromQL and of everything that uses it.
package querytest

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// Open returns a client of a new embedded server, which ends with the test.
func Open(t testing.TB) *redisconn.Client {
	t.Helper()
	config := redisconn.Defaults()
	config.Host, config.Port = servicetest.HostPort(t, listen(t))
	return connect(t, config)
}

// listen starts an embedded server and returns its address.
func listen(t testing.TB) string {
	t.Helper()
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server.Addr()
}

func connect(t testing.TB, config redisconn.Config) *redisconn.Client {
	t.Helper()
	client, err := redisconn.Open(t.Context(), config.ForSearches(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Servers returns clients of servers with time series, by name: the embedded one, the front of a cluster, and a real server and a real
// cluster if [redistest.Command] is set.
func Servers(t testing.TB) map[string]*redisconn.Client {
	t.Helper()
	front := redisconn.Defaults()
	front.Cluster = redistest.NewFront(t, listen(t), 3).Addrs()
	all := map[string]*redisconn.Client{"embedded": Open(t), "front": connect(t, front)}
	if os.Getenv(redistest.Command) == "" {
		return all
	}
	single, cluster := redisconn.Defaults(), redisconn.Defaults()
	single.Host, single.Port = servicetest.HostPort(t, redistest.Start(t).Addr())
	for _, node := range redistest.Cluster(t, 3) {
		cluster.Cluster = append(cluster.Cluster, node.Addr())
	}
	for name, config := range map[string]redisconn.Config{"real": single, "cluster": cluster} {
		all[name] = connect(t, config)
	}
	return all
}

// CasePath returns the file of a case in internal/query/testdata/cases. root is the path to the top of the repository.
func CasePath(root, name, file string) string {
	return filepath.Join(root, "internal/query/testdata/cases", name, file)
}

// LoadFile writes the samples of an OpenMetrics file to Redis.
func LoadFile(t testing.TB, client *redisconn.Client, path string) {
	t.Helper()
	Add(t, client, ParseFile(t, path))
}

// ParseFile parses an OpenMetrics file; see [Load].
func ParseFile(t testing.TB, path string) []Sample {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Parse(t, string(text))
}

// Load writes samples to Redis. text has a line `name{labels} value seconds` for each and ends with "# EOF" (OpenMetrics). Label values
// are cleaned as by our outputs, because Redis refuses some characters.
func Load(t testing.TB, client *redisconn.Client, text string) {
	t.Helper()
	Add(t, client, Parse(t, text))
}

// batch is how many samples a command writes.
const batch = 1000

// Add writes samples to Redis, in the order in which they are given for each series. Label values are cleaned.
func Add(t testing.TB, client *redisconn.Client, samples []Sample) {
	t.Helper()
	known := map[string]bool{}
	pipe := client.Pipeline()
	args := []any{"TS.MADD"}
	flush := func() {
		t.Helper()
		if len(args) > 1 {
			pipe.Do(t.Context(), args...)
		}
		commands, err := pipe.Exec(t.Context())
		for _, c := range commands {
			replies, _ := c.(*redis.Cmd).Slice()
			for _, r := range replies {
				if refusal, ok := r.(error); ok {
					err = refusal
				}
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		args = []any{"TS.MADD"}
	}
	key, of := "", labels.EmptyLabels()
	for _, s := range samples {
		if key == "" || !labels.Equal(s.Labels, of) {
			if client.Clustered && key != "" {
				flush() // a command has the keys of one slot
			}
			key, of = s.Key(), s.Labels
		}
		if !known[key] {
			known[key] = true
			create := []any{"TS.CREATE", key, "LABELS"}
			s.Labels.Range(func(l labels.Label) { create = append(create, l.Name, tskey.Clean(l.Value)) })
			pipe.Do(t.Context(), create...)
		}
		if args = append(args, key, s.Time, strconv.FormatFloat(s.Value, 'g', -1, 64)); len(args) > 3*batch {
			flush()
		}
	}
	flush()
}

// Sample is one sample of a series.
type Sample struct {
	Labels labels.Labels
	Time   int64 // milliseconds since the epoch
	Value  float64
}

// Key returns a key for the series of the sample.
func (s Sample) Key() string { return s.Labels.String() }

// Parse parses OpenMetrics text; see [Load].
func Parse(t testing.TB, text string) (samples []Sample) {
	t.Helper()
	p := textparse.NewOpenMetricsParser([]byte(text), labels.NewSymbolTable())
	for {
		entry, err := p.Next()
		if entry == textparse.EntryInvalid {
			return samples
		}
		if err != nil {
			t.Fatal(err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var l labels.Labels
		p.Labels(&l)
		_, ms, value := p.Series()
		if ms == nil {
			t.Fatalf("%v has no time", l)
		}
		samples = append(samples, Sample{l, *ms, value})
	}
}
