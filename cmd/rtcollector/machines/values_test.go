package machines

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/embedded"
)

// sample is a line of "once --format json".
type sample struct {
	Key    string            `json:"key"`
	Value  float64           `json:"value"`
	Labels map[string]string `json:"labels"`
}

// readSamples returns what "once --format json" printed, by key without the host.
func readSamples(t *testing.T, text string) map[string]sample {
	t.Helper()
	all := map[string]sample{}
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var s sample
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		_, key, _ := strings.Cut(s.Key, ":")
		all[key] = s
	}
}

// metricNames returns the metrics of each input: "linux_mem mem_total". It leaves out those that exist only while something happens:
// waits for disks, and what processes do.
func metricNames(samples map[string]sample) []string {
	names := map[string]bool{}
	for _, s := range samples {
		if name := s.Labels["__name__"]; !strings.HasSuffix(name, "_await") && !strings.HasPrefix(name, "process_") {
			names[s.Labels["source"]+" "+name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// expectNear compares a value with what the host says. They may differ by a part of it.
func expectNear(t *testing.T, got map[string]sample, key string, want, part float64) {
	t.Helper()
	if s, ok := got[key]; !ok || s.Value < want*(1-part) || s.Value > want*(1+part) {
		t.Errorf("%s is %v (%v), the host says %v", key, s.Value, ok, want)
	}
}

// memoryTotal returns the memory of this host in bytes.
func memoryTotal(t *testing.T) float64 {
	t.Helper()
	data := readFile(t, "/proc/meminfo")
	_, rest, _ := bytes.Cut(data, []byte("MemTotal:"))
	return 1024 * firstNumber(t, rest)
}

// uptime returns how long this host is up, in seconds.
func uptime(t *testing.T) float64 {
	t.Helper()
	return firstNumber(t, readFile(t, "/proc/uptime"))
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func firstNumber(t *testing.T, data []byte) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(string(bytes.Fields(data)[0]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// printing returns a configuration of these inputs for "once".
func printing(inputs ...string) string {
	return "hostname: box\ninputs: [" + strings.Join(inputs, ", ") + "]\noutputs: [stdout]\n"
}

// store is a Redis with TimeSeries that the program writes to.
type store struct {
	port   string
	client *redis.Client
}

func newStore(t *testing.T) *store {
	t.Helper()
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	_, port, _ := net.SplitHostPort(server.Addr())
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = client.Close() })
	return &store{port, client}
}

// config returns a configuration of these inputs that writes to the store.
func (s *store) config(inputs ...string) string {
	return fmt.Sprintf("hostname: box\ninterval: 200ms\ninputs: [%s]\noutputs:\n  - redistimeseries: {host: 127.0.0.1, port: %s, retention: 1h}\n",
		strings.Join(inputs, ", "), s.port)
}

// samples returns the samples of a series.
func (s *store) samples(t *testing.T, key string) []float64 {
	t.Helper()
	reply, err := s.client.Do(t.Context(), "TS.RANGE", "box:"+key, "-", "+").Slice()
	if err != nil {
		return nil // not there yet
	}
	var values []float64
	for _, pair := range reply {
		v, err := strconv.ParseFloat(fmt.Sprint(pair.([]any)[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	return values
}

// hasSamples returns an error unless each series has this many samples.
func (s *store) hasSamples(t *testing.T, count int, keys ...string) error {
	t.Helper()
	for _, key := range keys {
		if n := len(s.samples(t, key)); n < count {
			return fmt.Errorf("%s has %d samples of %d", key, n, count)
		}
	}
	return nil
}
