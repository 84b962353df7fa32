package embedded

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestSearchesLikeTheNamedRedis is TestAnswersLikeTheNamedRedis for JSON and
// search commands.
func TestSearchesLikeTheNamedRedis(t *testing.T) {
	address := os.Getenv("RTC_TEST_REDIS")
	if address == "" {
		t.Skip("RTC_TEST_REDIS does not name a Redis with search and JSON 8.0 to compare with.")
	}
	pair := serverPair{
		prefix: fmt.Sprintf("rtcdiff:%d:", os.Getpid()),
		theirs: dialNamed(t, address),
		ours:   newRival(t, start(t, Config{}).Addr()),
	}
	modules := string(pair.theirs.send(t, [][]string{{"MODULE", "LIST"}})[0])
	for _, name := range []string{"search", "ReJSON"} {
		if _, after, found := strings.Cut(modules, name+"\r\n$3\r\nver\r\n:"); !found || !strings.HasPrefix(after, "800") {
			t.Skip("The Redis that RTC_TEST_REDIS names has no search and JSON 8.0, whose replies the embedded server gives.")
		}
	}
	pair.same = pair.sameSearch
	for _, name := range searchIndexes() {
		pair.sweep = append(pair.sweep, []string{"FT.DROPINDEX", pair.prefix + name})
	}
	pair.sweep = append(pair.sweep, []string{"FT.DROPINDEX", pair.prefix + "none"}, append([]string{"DEL"}, prefixed(pair.prefix, searchKeys())...))
	pair.compare(t, func(seed uint64) [][]string { return newSearchGenerator(seed, pair.prefix).sequence() })
}

func (p *serverPair) sameSearch(words []string, a, b []byte) bool {
	if words[0] == "HELLO" {
		return true
	}
	if a[0] == '-' || b[0] == '-' {
		return string(a) == string(b)
	}
	x, y := sameDigits(decode(a)), sameDigits(decode(b))
	return gocmp.Equal(p.essence(words, x), p.essence(words, y))
}

// essence returns the part of a reply that must be equal.
func (p *serverPair) essence(words []string, v any) any {
	switch words[0] {
	case "FT.INFO":
		return infoEssence(v)
	case "FT._LIST":
		return p.ownNames(v)
	case "FT.SEARCH", "FT.AGGREGATE":
		v = sortFields(v, ordered(words))
		if m, ok := v.(map[string]any); ok && words[0] == "FT.AGGREGATE" && len(m) > 0 {
			return v
		}
	case "JSON.GET":
		return parseSeveral(append(words, "", "", "")[:4], v)
	}
	return v
}

// infoEssence returns the part of FT.INFO that clients read, without the sizes.
func infoEssence(v any) any {
	wanted := []string{"index_name", "index_options", "index_definition", "attributes", "num_docs", "hash_indexing_failures", "indexing", "percent_indexed", "stopwords_list",
		"dialect_stats", "Index Errors", "field statistics"}
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	var names []string
	out := map[string]any{}
	take := func(name, val any) {
		s, _ := name.(map[string]any)["s"].(string)
		names = append(names, s)
		if slices.Contains(wanted, s) {
			out[s] = val
		}
	}
	if list, ok := m["a"].([]any); ok {
		for i := 0; i+1 < len(list); i += 2 {
			take(list[i], list[i+1])
		}
	}
	if pairs, ok := m["m"].([]any); ok {
		for _, p := range pairs {
			kv := p.([]any)
			take(kv[0], kv[1])
		}
	}
	out["names"] = names
	return hideLast(out)
}

// hideLast hides the last of several failures, because it depends on the order
// of documents.
func hideLast(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = hideLast(v[k])
		}
	case []any:
		for i := range v {
			v[i] = hideLast(v[i])
		}
		if len(v) > 3 && gocmp.Equal(v[0], map[string]any{"s": "indexing failures"}) && severalTimes(v[1]) {
			return v[:2]
		}
		if len(v) > 1 {
			if first, ok := v[0].([]any); ok && len(first) == 2 && gocmp.Equal(first[0], map[string]any{"s": "indexing failures"}) && severalTimes(first[1]) {
				return v[:1]
			}
		}
	}
	return v
}

func severalTimes(v any) bool {
	n, _ := v.(map[string]any)["i"].(json.Number)
	return len(n) > 1 || n > "1"
}

// ownNames returns the names of the indexes that this test created, sorted.
func (p *serverPair) ownNames(v any) []string {
	var names []string
	for _, list := range v.(map[string]any) {
		for _, name := range list.([]any) {
			for _, text := range name.(map[string]any) {
				if s, _ := text.(string); strings.HasPrefix(s, p.prefix) {
					names = append(names, s)
				}
			}
		}
	}
	slices.Sort(names)
	return names
}

// sortFields sorts the fields of each result, and the results if the query has
// no SORTBY.
func sortFields(v any, ordered bool) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if pairs, ok := m["m"].([]any); ok {
		for _, p := range pairs {
			kv := p.([]any)
			kv[1] = sortFields(kv[1], ordered)
		}
		sortByText(pairs)
		return m
	}
	list, ok := m["a"].([]any)
	if !ok {
		return v
	}
	if len(list) > 0 && isPlainNumber(list[0]) {
		return []any{list[0], resultRows(list[1:], ordered)}
	}
	for i := range list {
		list[i] = sortFields(list[i], ordered)
	}
	if !ordered {
		sortByText(list)
	}
	return m
}

func isPlainNumber(v any) bool {
	m, _ := v.(map[string]any)
	_, ok := m["i"]
	return ok
}

// resultRows returns the results of a RESP2 reply: keys, fields or both.
func resultRows(list []any, ordered bool) []any {
	per := 1
	if len(list) > 1 && isText(list[0]) && !isText(list[1]) {
		per = 2
	}
	var rows []any
	for chunk := range slices.Chunk(list, per) {
		var row []any
		for _, v := range chunk {
			if fields, ok := v.(map[string]any)["a"].([]any); ok {
				pairs := slices.Collect(slices.Chunk(fields, 2))
				var all []any
				for _, pair := range pairs {
					all = append(all, pair)
				}
				sortByText(all)
				v = all
			}
			row = append(row, v)
		}
		rows = append(rows, row)
	}
	if !ordered {
		sortByText(rows)
	}
	return rows
}

func isText(v any) bool {
	m, _ := v.(map[string]any)
	_, ok := m["b"]
	return ok
}

func sortByText(list []any) {
	text := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(text(a), text(b)) })
}
