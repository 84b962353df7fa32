package redissearch

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Replies of versions about an index that does not exist. Sources: github.com/RediSearch/RediSearch issue 896 (1.x);
// ankane/neighbor-redis pull request 2 (2.6 and 2.8); a recorded Redis 8.0.6 with RediSearch 8.0.2, whose src/module.c and
// src/aggregate/aggregate_exec.c have both forms; redis/docs, RedisVL, "Telling the index is missing apart" (8.6 and 8.8);
// redis/agent-filesystem pull request 27 (8.10); src/redisearch_rs/query_error/src/lib.rs (after 8.10).
func TestUnknownIndex(t *testing.T) {
	for reply, version := range map[string]string{
		"Unknown Index name":                                  "1.x to 2.6",
		"Unknown index name":                                  "2.8",
		"ERR Unknown index name":                              "some proxies",
		"Unknown index name (or name is an alias itself)":     "2.x",
		"logs_idx: no such index":                             "2.10, 8.0 to 8.6",
		"No such index logs_idx":                              "8.0, FT.SEARCH",
		"Index not found":                                     "8.10, as clients show it",
		"Index not found: logs_idx":                           "8.8",
		"SEARCH_INDEX_NOT_FOUND Index not found":              "8.10",
		"SEARCH_INDEX_NOT_FOUND Index not found: logs_idx":    "8.8",
		"SEARCH_INDEX_NOT_FOUND Index not found: 'logs_idx' ": "to come",
	} {
		if !isUnknownIndex(reply, "logs_idx") {
			t.Errorf("%s: %q is not recognized", version, reply)
		}
	}
	for _, reply := range []string{
		"NOPERM User default has no permissions to run the 'ft.info' command", "ERR unknown command 'FT.INFO', with args beginning with: 'no such index' ",
		"LOADING Redis is loading the dataset in memory", "other: no such index", "", "ERR", "Index already exists", "SEARCH_INDEX_EXISTS Index already exists",
	} {
		if isUnknownIndex(reply, "logs_idx") || isUnknownIndex(reply, "no such index") {
			t.Errorf("%q is taken for an unknown index", reply)
		}
	}
}

func TestTooLate(t *testing.T) {
	for _, reply := range []string{"Index already exists", "SEARCH_INDEX_EXISTS Index already exists", "Index already exists: logs_idx"} {
		if !isExistingIndex(reply) || isExistingAttribute(reply) {
			t.Errorf("%q is not recognized", reply)
		}
	}
	for _, reply := range []string{"Duplicate field in schema - host", "SEARCH_INVAL Duplicate field in schema - host"} {
		if !isExistingAttribute(reply) || isExistingIndex(reply) {
			t.Errorf("%q is not recognized", reply)
		}
	}
}

// Old versions write numbers as texts, leave out names, and have no "Index Errors".
func TestParseInfo(t *testing.T) {
	old := []any{
		"index_name", "x", "index_definition", []any{"key_type", "hash", "prefixes", []any{"a", "b"}, "default_score", "1"},
		"attributes", []any{
			[]any{"identifier", "ts", "attribute", "timestamp", "type", "numeric", "SORTABLE"},
			[]any{"identifier", "m", "attribute", "m", "type", "TEXT", "WEIGHT", "1", "NOSTEM"},
			"odd", []any{"short"},
		},
		"num_docs", "12", "hash_indexing_failures", "3",
	}
	want := indexInfo{
		keyType: "HASH", prefixes: []string{"a", "b"}, documents: 12, failures: 3,
		attributes: map[string]foundAttribute{"timestamp": {"ts", "NUMERIC"}, "m": {"m", "TEXT"}},
	}
	got, err := parseInfo(old)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(indexInfo{}, foundAttribute{})); diff != "" || err != nil {
		t.Error(err, diff)
	}
	with := append(old, "Index Errors", []any{"indexing failures", int64(7), "last indexing error", "why", "last indexing error key", "a:1"})
	got, err = parseInfo(with)
	if err != nil || got.failures != 7 || got.lastError != "why" || got.lastKey != "a:1" {
		t.Error(got, err)
	}
	for _, reply := range []any{nil, "OK", []any{}, []any{"index_name"}, []any{"fields", []any{}}, []any{"index_definition", []any{"key_type", "HASH"}, "attributes", []any{}}} {
		if _, err := parseInfo(reply); err == nil {
			t.Errorf("%v is understood", reply)
		}
	}
}

// The settled documents are a prefix. Unknown refusals are retried only if no other document was stored.
func TestVerdicts(t *testing.T) {
	for name, tc := range map[string]struct {
		documents []documentResult
		state     string
		settled   int
		rejected  int
		err       string
	}{
		"stored":          {documents: []documentResult{stored, stored, stored}, settled: 3},
		"none":            {},
		"taken":           {documents: []documentResult{keyTaken, keyTaken, keyTaken}, settled: 3, rejected: 3},
		"some unknown":    {documents: []documentResult{refusedUnknown, stored, refusedUnknown}, settled: 3, rejected: 2},
		"all unknown":     {documents: []documentResult{refusedUnknown, refusedUnknown}, err: "ERR odd"},
		"taken, unknown":  {documents: []documentResult{keyTaken, refusedUnknown, refusedUnknown}, settled: 1, rejected: 1, err: "ERR odd"},
		"passing":         {documents: []documentResult{stored, refusedUnknown, refusedForNow, stored, keyTaken}, state: "OOM x", settled: 2, rejected: 1, err: "OOM x"},
		"passing unknown": {documents: []documentResult{refusedUnknown, refusedForNow}, state: "OOM x", err: "OOM x"},
		"cut":             {documents: []documentResult{stored, keyTaken, unanswered, unanswered}, settled: 2, rejected: 1},
	} {
		v := writeResults{documents: tc.documents, passingRefusal: tc.state}
		if slices.Contains(tc.documents, refusedUnknown) {
			v.unknownRefusal = "ERR odd"
		}
		var r rejections
		settled, err := v.countSettled(&r), v.retryError()
		if settled != tc.settled || r.n != tc.rejected || (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
			t.Errorf("%s: %d settled, %d rejected, error %v", name, settled, r.n, err)
		}
	}
}

// Settled events include expired ones before the first event that is not settled.
func TestPosition(t *testing.T) {
	now := time.Now()
	fresh, old := telemetry.Event{Time: now}, telemetry.Event{Time: now.Add(-time.Hour)}
	events := []telemetry.Event{old, fresh, old, fresh, old, fresh, old}
	w := &Writer{config: Settings{TTL: conf.Duration(time.Minute)}}
	if lasting := w.withoutExpired(events); len(lasting) != 3 {
		t.Fatalf("%d are not too old", len(lasting))
	}
	for lasting, want := range map[int][2]int{0: {1, 1}, 1: {3, 2}, 2: {5, 3}, 3: {7, 4}} {
		var r rejections
		if n := w.countSettled(events, lasting, &r); n != want[0] || r.n != want[1] || r.reasons["too_old"] != want[1] {
			t.Errorf("%d stored: %d settled, %d too old, want %v", lasting, n, r.n, want)
		}
	}
}
