// Package querytest fills a Redis with samples, for tests of PromQL and of everything that uses it.
package querytest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// Open returns a client of a new embedded server, which ends with the test.
func Open(t testing.TB) *redisconn.Client {
	t.Helper()
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	config := redisconn.Defaults()
	config.Host, config.Port = servicetest.HostPort(t, server.Addr())
	client, err := redisconn.Open(t.Context(), config.ForSearches(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// CasePath returns the file of a case in internal/query/testdata/cases. root is the path to the top of the repository.
func CasePath(root, name, file string) string {
	return filepath.Join(root, "internal/query/testdata/cases", name, file)
}

// LoadFile writes the samples of an OpenMetrics file to Redis.
func LoadFile(t testing.TB, client *redisconn.Client, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	Load(t, client, string(text))
}

// Load writes samples to Redis. text has a line `name{labels} value seconds` for each and ends with "# EOF" (OpenMetrics). Label values
// are cleaned as by our outputs, because Redis refuses some characters.
func Load(t testing.TB, client *redisconn.Client, text string) {
	t.Helper()
	for _, s := range Parse(t, text) {
		args := []any{"TS.ADD", s.Key(), s.Time, strconv.FormatFloat(s.Value, 'g', -1, 64), "LABELS"}
		s.Labels.Range(func(l labels.Label) { args = append(args, l.Name, tskey.Clean(l.Value)) })
		if err := client.Do(t.Context(), args...).Err(); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
}

// Sample is one sample of a series.
type Sample struct {
	Labels labels.Labels
	Time   int64 // milliseconds since the epoch
	Value  float64
}

// Key returns a key for the series of the sample.
func (s Sample) Key() string {
	m := s.Labels.Map()
	parts := []string{m[tskey.NameLabel]}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if name != tskey.NameLabel {
			parts = append(parts, fmt.Sprintf("%s=%q", name, m[name]))
		}
	}
	return strings.Join(parts, ":")
}

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
