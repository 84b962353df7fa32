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

// readGolden reads what a real Redis 8.0 with RedisTimeSeries 8.0.5 answered.
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

func TestAnswersLikeRedisTimeSeries(t *testing.T) {
	for proto, file := range map[string]string{"2": "testdata/timeseries.resp2.jsonl", "3": "testdata/timeseries.resp3.jsonl"} {
		t.Run("RESP"+proto, func(t *testing.T) {
			c := dial(t, start(t, Config{}))
			c.do("HELLO", proto)
			list := readGolden(t, file)
			if len(list) != 174 {
				t.Fatalf("%d exchanges in %s, want 174", len(list), file)
			}
			for _, x := range list {
				got, want := c.do(x.Cmd...), x.Reply
				if diff := cmp.Diff(volatile(x.Cmd, want), volatile(x.Cmd, got)); diff != "" {
					t.Errorf("%q (-Redis +ours):\n%s", x.Cmd, diff)
				}
			}
		})
	}
}

// volatile replaces what may differ from run to run by its type.
func volatile(cmd []string, reply any) any {
	switch cmd[0] {
	case "SCAN", "KEYS":
		return sortLists(reply)
	case "TS.INFO":
		return hideFields(reply)
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
