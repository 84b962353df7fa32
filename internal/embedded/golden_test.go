package embedded

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type exchange struct {
	Cmd   []string `json:"cmd"`
	Reply any      `json:"reply"`
}

// readGolden reads the replies of a real Redis 8.0 with RedisTimeSeries 8.0.5,
// RediSearch 8.0.2 and RedisJSON 8.0.8.
func readGolden(t *testing.T, file string) []exchange {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var list []exchange
	for dec.More() {
		var x exchange
		if err := dec.Decode(&x); err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
	return list
}

func TestAnswersLikeRedisTimeSeries(t *testing.T) { replay(t, "timeseries", 174) }

func TestAnswersLikeRediSearch(t *testing.T) { replay(t, "search", 44) }

func replay(t *testing.T, name string, exchanges int) {
	for _, proto := range []string{"2", "3"} {
		t.Run("RESP"+proto, func(t *testing.T) {
			c := dial(t, start(t, Config{}))
			c.Do("HELLO", proto)
			file := "testdata/" + name + ".resp" + proto + ".jsonl"
			list := readGolden(t, file)
			if len(list) != exchanges {
				t.Fatalf("%d exchanges in %s, want %d", len(list), file, exchanges)
			}
			for _, x := range list {
				got, want := c.Do(x.Cmd...), x.Reply
				if diff := cmp.Diff(volatile(x.Cmd, want), volatile(x.Cmd, got)); diff != "" {
					t.Errorf("%q (-Redis +ours):\n%s", x.Cmd, diff)
				}
			}
		})
	}
}

// volatile replaces values that differ from run to run by their type.
func volatile(cmd []string, reply any) any {
	switch cmd[0] {
	case "SCAN", "KEYS":
		return sortLists(reply)
	case "TS.INFO":
		return hideFields(reply)
	case "JSON.GET":
		return parseSeveral(cmd, reply)
	case "FT.SEARCH":
		if !slices.Contains(cmd, "SORTBY") {
			return sortHits(reply)
		}
	}
	return reply
}

// parseSeveral parses the object that several paths make, because its members
// have no order.
func parseSeveral(cmd []string, reply any) any {
	text, ok := reply.(map[string]any)["b"].(string)
	if !ok || len(cmd) < 4 {
		return reply
	}
	var doc any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return reply
	}
	return doc
}

// sortHits sorts the results of a search without SORTBY.
func sortHits(reply any) any {
	m := reply.(map[string]any)
	if list, ok := m["a"].([]any); ok && len(list) > 0 {
		per := 1
		if len(list) > 2 {
			if _, fields := list[2].(map[string]any)["a"]; fields {
				per = 2
			}
		}
		hits := []any{}
		for hit := range slices.Chunk(list[1:], per) {
			hits = append(hits, map[string]any{"a": hit})
		}
		return []any{list[0], sortLists(map[string]any{"a": hits})}
	}
	if pairs, ok := m["m"].([]any); ok {
		out := []any{}
		for _, p := range pairs {
			kv := p.([]any)
			out = append(out, []any{kv[0], sortLists(kv[1])})
		}
		return out
	}
	return reply
}

func sortLists(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	list, ok := m["a"].([]any)
	if !ok {
		return v
	}
	text := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	var out []any
	for _, e := range list {
		out = append(out, sortLists(e))
	}
	slices.SortFunc(out, func(a, b any) int { return bytes.Compare([]byte(text(a)), []byte(text(b))) })
	return map[string]any{"a": out}
}

// hideFields keeps only the type of memoryUsage, chunkCount and keySelfName.
func hideFields(v any) any {
	m := v.(map[string]any)
	hide := func(name any, val any) any {
		s, _ := name.(map[string]any)["s"].(string)
		if s != "memoryUsage" && s != "chunkCount" && s != "keySelfName" {
			return val
		}
		for tag := range val.(map[string]any) {
			return tag
		}
		return val
	}
	if list, ok := m["a"].([]any); ok {
		out := slices.Clone(list)
		for i := 0; i+1 < len(out); i += 2 {
			out[i+1] = hide(out[i], out[i+1])
		}
		return map[string]any{"a": out}
	}
	if pairs, ok := m["m"].([]any); ok {
		var out []any
		for _, p := range pairs {
			kv := p.([]any)
			out = append(out, []any{kv[0], hide(kv[0], kv[1])})
		}
		return map[string]any{"m": out}
	}
	return v
}
