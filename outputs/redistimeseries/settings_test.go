package redistimeseries_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

func TestSettingsProblems(t *testing.T) {
	for text, want := range map[string]string{
		"encoding: gzip":                                `encoding: must be one of [compressed uncompressed], not "gzip"`,
		"duplicate_policy: sum":                         `duplicate_policy: must not be sum: a sample that is written again after a lost reply would count twice, not "sum"`,
		"duplicate_policy: newest":                      `duplicate_policy: must be one of [last first min max block], not "newest"`,
		"duplicate_policy: MAX":                         ``,
		"chunk_size: 100":                               `chunk_size: must be auto, or a multiple of 8 from 48 to 1048576, not "100"`,
		"chunk_size: 8":                                 `chunk_size: must be auto, or a multiple of 8 from 48 to 1048576, not "8"`,
		"chunk_size: 1KiB":                              ``,
		"ignore: {max_val_diff: 0.1}":                   `ignore.max_time_diff: is missing`,
		"ignore: {max_time_diff: 1m, max_val_diff: -1}": `ignore.max_val_diff: must not be negative`,
		"{ignore: {max_time_diff: 1m}, duplicate_policy: first}":                                      `ignore: needs duplicate_policy last`,
		"{ignore: {max_time_diff: 1m}, overrides: [{match: a, ignore: {}, duplicate_policy: block}]}": ``,
		"compactions: [{keep: 30d}]":                                                            `compactions[0].every: is missing`,
		"compactions: [{every: 1h, keep: 30m}]":                                                 `compactions[0].keep: must be longer than every`,
		"compactions: [{every: 1h, aggregations: [p99]}]":                                       `compactions[0].aggregations[0]: must be one of [avg min max sum`,
		"compactions: [{every: 1h}, {every: 60m, aggregations: [max, AVG]}]":                    `compactions: avg:1h appears twice`,
		"{retention: 30m, compactions: [{every: 1h}]}":                                          `compactions: every 1h cannot be made of samples that are kept for 30m: raise retention`,
		"{retention: 30d, compactions: [{every: 1h, keep: 1y, aggregations: [avg, max]}]}":      ``,
		"overrides: [{retention: 1d}]":                                                          `overrides[0].match: is missing`,
		"overrides: [{match: '[a', retention: 1d}]":                                             `overrides[0].match: must be a glob with characters or ranges in its [ ]`,
		"overrides: [{match: '~(', retention: 1d}]":                                             `overrides[0].match: must be a regular expression (missing closing ) at ()`,
		"overrides: [{match: '~^(cpu|mem)_', retention: 1d}]":                                   ``,
		"{overrides: [{match: a, retention: 1m}], compactions: [{every: 1h}]}":                  `overrides[0]: match "a": compactions: every 1h cannot be made of samples that are kept for 1m`,
		"{overrides: [{match: a, duplicate_policy: min}], ignore: {max_time_diff: 1m}}":         `overrides[0]: match "a": ignore: needs duplicate_policy last`,
		"{overrides: [{match: a, compactions: [], retention: 1m}], compactions: [{every: 1h}]}": ``,
		"{cluster: [a:1], compactions: [{every: 1h}]}":                                          `key_format: must be tagged`,
		"{cluster: [a:1], key_format: tagged, compactions: [{every: 1h}]}":                      ``,
		"{cluster: [a:1], overrides: [{match: a, compactions: [{every: 1h}]}]}":                 `key_format: must be tagged`,
	} {
		got := problems(t, text)
		if (got == "") != (want == "") || !strings.Contains(got, "redistimeseries."+want) && want != "" {
			t.Errorf("%s\n got: %s\nwant: %s", text, got, want)
		}
	}
}

// attributes returns fields of TS.INFO.
func (s *testServer) attributes(t *testing.T, key string, names ...string) map[string]any {
	t.Helper()
	list, err := s.Do(t.Context(), "TS.INFO", key).Slice()
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	all := map[any]any{}
	for i := 0; i+1 < len(list); i += 2 {
		all[list[i]] = list[i+1]
	}
	got := map[string]any{}
	for _, n := range names {
		got[n] = all[n]
	}
	return got
}

// every makes the factory create series with a sample every d.
func (f *fixture) every(d time.Duration) *fixture {
	f.factory.Every(d)
	return f
}

func TestSeriesAreMadeAsConfigured(t *testing.T) {
	s := newServer(t)
	c := s.config()
	c.Retention, c.Encoding, c.ChunkSize, c.DuplicatePolicy = 60_000, "uncompressed", 128, "max"
	off, policy := false, redistimeseries.Policy("last")
	c.Overrides = []redistimeseries.Override{
		{Match: match.NewList("bare_*")[0], Labels: &off},
		{Match: match.NewList("~^(cpu|mem)_")[0], Labels: &off},
		{Match: match.NewList("q?iet")[0], DuplicatePolicy: &policy, Ignore: &redistimeseries.Ignore{MaxTimeDiff: 5000, MaxValDiff: 0.5}},
		{Match: match.NewList("*")[0], ChunkSize: new(redistimeseries.ChunkSize)},
	}
	f := open(t, c)
	write(t, f, batch(1, f.gauge("bare_one"), f.gauge("mem_used"), f.gauge("quiet"), f.gauge("rest")))
	names := []string{"retentionTime", "chunkSize", "chunkType", "duplicatePolicy", "ignoreMaxTimeDiff", "ignoreMaxValDiff"}
	for key, want := range map[string]map[string]any{
		"h1:bare_one": {"retentionTime": int64(60_000), "chunkSize": int64(128), "chunkType": "uncompressed", "duplicatePolicy": "max", "ignoreMaxTimeDiff": int64(0), "ignoreMaxValDiff": "0"},
		"h1:quiet":    {"retentionTime": int64(60_000), "chunkSize": int64(128), "chunkType": "uncompressed", "duplicatePolicy": "last", "ignoreMaxTimeDiff": int64(5000), "ignoreMaxValDiff": "0.5"},
		"h1:rest":     {"retentionTime": int64(60_000), "chunkSize": int64(4096), "chunkType": "uncompressed", "duplicatePolicy": "max", "ignoreMaxTimeDiff": int64(0), "ignoreMaxValDiff": "0"},
	} {
		if diff := cmp.Diff(want, s.attributes(t, key, names...)); diff != "" {
			t.Errorf("%s:\n%s", key, diff)
		}
	}
	for _, key := range []string{"h1:bare_one", "h1:mem_used"} {
		if _, _, labels := s.describe(t, key); len(labels) != 0 {
			t.Errorf("%s: labels %v", key, labels)
		}
	}
	if _, _, labels := s.describe(t, "h1:rest"); len(labels) != 3 {
		t.Errorf("labels %v", labels)
	}
	// The liveness series ignores nothing, and always has labels.
	if got := s.attributes(t, "rtcollector:hosts:h1", "duplicatePolicy"); got["duplicatePolicy"] != "last" {
		t.Error(got)
	}
}

// An override switches ignore off.
func TestIgnoreIsSwitchedOff(t *testing.T) {
	s := newServer(t)
	c := s.config()
	c.Ignore = &redistimeseries.Ignore{MaxTimeDiff: 60_000, MaxValDiff: 10}
	c.Overrides = []redistimeseries.Override{{Match: match.NewList("g")[0], Ignore: &redistimeseries.Ignore{}}}
	f := open(t, c)
	write(t, f, batch(1, f.gauge("g"), f.gauge("h")))
	write(t, f, batch(2, f.gauge("g"), f.gauge("h")))
	if g, h := s.samples(t, "h1:g"), s.samples(t, "h1:h"); g != "1=1 2=2" || h != "1=1" {
		t.Errorf("g: %s, h: %s", g, h)
	}
}

// The server drops values that are close to the previous one. They count as written.
func TestIgnore(t *testing.T) {
	s := newServer(t)
	c := s.config()
	c.Ignore = &redistimeseries.Ignore{MaxTimeDiff: 60_000, MaxValDiff: 10}
	f := open(t, c)
	g := f.gauge("g")
	for tick := range 30 {
		write(t, f, batch(tick, g))
	}
	if got := s.samples(t, "h1:g"); got != "0=0 11=11 22=22" {
		t.Error(got)
	}
}

// Existing series get each setting that TS.ALTER can change. Without ignore in the configuration, it is removed.
func TestExistingSeriesGetNewSettings(t *testing.T) {
	s := newServer(t)
	c := s.config()
	c.ChunkSize, c.Ignore = 128, &redistimeseries.Ignore{MaxTimeDiff: 1000, MaxValDiff: 1}
	first := open(t, c)
	write(t, first, batch(1, first.gauge("g")))
	c.ChunkSize, c.Ignore, c.DuplicatePolicy, c.Labels = 256, nil, "min", false
	second := open(t, c)
	write(t, second, batch(2, second.gauge("g")))
	want := map[string]any{"chunkSize": int64(256), "duplicatePolicy": "min", "ignoreMaxTimeDiff": int64(0), "labels": []any{}}
	if diff := cmp.Diff(want, s.attributes(t, "h1:g", "chunkSize", "duplicatePolicy", "ignoreMaxTimeDiff", "labels")); diff != "" {
		t.Error(diff)
	}
	if got := s.samples(t, "h1:g"); got != "1=1 2=2" {
		t.Error(got)
	}
}

// chunk_size: auto depends on the number of samples that will be kept.
func TestAutoChunks(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct {
		interval  time.Duration
		retention string
		want      int64
	}{
		{10 * time.Second, "0", 4096},   // for ever
		{0, "1h", 4096},                 // unknown
		{10 * time.Second, "30d", 4096}, // 259,200 samples
		{10 * time.Second, "1h", 512},   // 360
		{time.Minute, "1h", 256},        // 60
		{10 * time.Minute, "1h", 128},   // 6
		{10 * time.Minute, "1y", 4096},  // 52,560
		{time.Second, "10m", 1024},      // 600
	} {
		s.Empty(t)
		config := s.config()
		if err := config.Retention.UnmarshalScalar(c.retention); err != nil {
			t.Fatal(err)
		}
		f := open(t, config).every(c.interval)
		write(t, f, batch(1, f.gauge("g")))
		if got := s.attributes(t, "h1:g", "chunkSize")["chunkSize"]; got != c.want {
			t.Errorf("every %v for %s: chunks of %v bytes, want %d", c.interval, c.retention, got, c.want)
		}
	}
}

func tiered(c redistimeseries.Config) redistimeseries.Config {
	c.Retention = 3_600_000
	c.Compactions = []redistimeseries.Compaction{
		{Every: 10_000, Keep: 86_400_000, Aggregations: []redistimeseries.Aggregation{"avg", "max"}},
		{Every: 60_000},
	}
	return c
}

func TestCompactions(t *testing.T) {
	s := newServer(t)
	f := newFixture(t, tiered(s.config()), "h1", map[string]string{"room": "north"})
	if err := f.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	g, total := f.gauge("g", "n", "1"), f.factory.New("c_total", telemetry.Counter, telemetry.Bytes)
	for tick := range 131 {
		write(t, f, batch(tick, g, total))
	}
	for key, want := range map[string]string{
		"h1:g_1:avg:1m":       "-20=19.5 40=69.5", // the start is at 20 s of a minute: 0..39, 40..99
		"h1:c_total:first:1m": "-20=0 40=40",
		"h1:c_total:last:1m":  "-20=39 40=99",
	} {
		if got := s.samples(t, key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if got := s.samples(t, "h1:g_1:max:10s"); !strings.HasPrefix(got, "0=9 10=19 20=29") {
		t.Error(got)
	}
	_, _, labels := s.describe(t, "h1:g_1:max:10s")
	want := map[string]string{"__name__": "g", "host": "h1", "n": "1", "source": "test", "room": "north", "agg": "max", "bucket": "10s"}
	if diff := cmp.Diff(want, labels); diff != "" {
		t.Error(diff)
	}
	if got := s.attributes(t, "h1:g_1:avg:10s", "retentionTime", "sourceKey"); got["retentionTime"] != int64(86_400_000) || got["sourceKey"] != "h1:g_1" {
		t.Error(got)
	}
	if n := len(s.keys(t)); n != 1+2+3+4 { // the liveness sample, two raw, three of the gauge, four of the counter
		t.Errorf("%d keys: %v", n, s.keys(t))
	}
	if f.log.Count("level=") != 0 {
		t.Error(f.log.String())
	}
}

// After a restart, existing compactions are kept, a changed configuration is applied, and a missing rule is created.
func TestCompactionsOverARestart(t *testing.T) {
	s := newServer(t)
	c := tiered(s.config())
	first := open(t, c)
	write(t, first, batch(1, first.gauge("g")))
	if err := s.Do(t.Context(), "TS.DELETERULE", "h1:g", "h1:g:avg:1m").Err(); err != nil {
		t.Fatal(err)
	}
	c.Compactions[0].Keep = 172_800_000
	c.Compactions = append(c.Compactions, redistimeseries.Compaction{Every: 3_600_000, Aggregations: []redistimeseries.Aggregation{"min"}})
	second := open(t, c)
	write(t, second, batch(2, second.gauge("g")))
	if got := s.attributes(t, "h1:g:avg:10s", "retentionTime")["retentionTime"]; got != int64(172_800_000) {
		t.Error(got)
	}
	rules, _ := s.attributes(t, "h1:g", "rules")["rules"].([]any)
	if len(rules) != 4 {
		t.Errorf("rules %v", rules)
	}
	if second.log.Count("level=") != 0 {
		t.Error(second.log.String())
	}
}

// An obstacle to a compaction is logged. The raw samples are written.
func TestCompactionInTheWay(t *testing.T) {
	s := newServer(t)
	if err := s.Set(t.Context(), "h1:g:avg:1m", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context(), "TS.CREATE", "h1:g:max:10s", "LABELS", "host", "other").Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Set(t.Context(), "h1:taken", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	f := open(t, tiered(s.config()))
	g := f.gauge("g")
	_ = f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(0, f.gauge("taken"))}) // is refused, so it has no compactions
	for tick := range 21 {
		write(t, f, batch(tick, g))
	}
	for key := range s.keys(t) {
		if strings.HasPrefix(key, ":") || strings.HasPrefix(key, "h1:taken:") {
			t.Errorf("a compaction of a refused series: %s", key)
		}
	}
	if got := s.samples(t, "h1:g:avg:10s"); !strings.HasPrefix(got, "0=4.5") {
		t.Error(got)
	}
	if got := s.samples(t, "h1:g"); !strings.HasSuffix(got, "20=20") {
		t.Error(got)
	}
	if f.log.Count("redis refuses compactions") != 1 || f.log.Count("count=2") != 1 {
		t.Error(f.log.String())
	}
}

// The server is emptied, or fails over to one without the series: the compactions come back with them.
func TestCompactionsComeBack(t *testing.T) {
	s := newServer(t)
	f := open(t, tiered(s.config()))
	g := f.gauge("g")
	write(t, f, batch(1, g))
	s.Empty(t)
	for tick := 2; tick < 25; tick++ {
		write(t, f, batch(tick, g))
	}
	if got := s.samples(t, "h1:g:max:10s"); got != "0=9 10=19" {
		t.Error(got)
	}
}
