package redissearch

import (
	"errors"
	"strconv"
	"strings"
)

// info is what FT.INFO says, as far as it matters here.
type info struct {
	keyType    string
	prefixes   []string
	attributes map[string]found
	documents  int64

	failures  int64  // documents that were refused so far; never falls
	lastError string // "" when the server does not say
	lastKey   string
}

type found struct{ path, kind string }

var errInfo = errors.New("the reply to FT.INFO is not understood: RediSearch 2.2 or newer is needed")

// parseInfo reads the reply in RESP2: names and values in turn. Numbers are texts in old versions.
func parseInfo(reply any) (info, error) {
	in := info{attributes: map[string]found{}}
	fields := pairs(reply)
	definition := pairs(fields["index_definition"])
	in.keyType = strings.ToUpper(asText(definition["key_type"]))
	list, ok := definition["prefixes"].([]any)
	attributes, ok2 := fields["attributes"].([]any)
	if !ok || !ok2 || in.keyType == "" {
		return in, errInfo
	}
	for _, p := range list {
		in.prefixes = append(in.prefixes, asText(p))
	}
	for _, a := range attributes {
		if words, _ := a.([]any); len(words) >= 6 { // flags without values follow
			p := pairs(words[:6])
			in.attributes[asText(p["attribute"])] = found{asText(p["identifier"]), strings.ToUpper(asText(p["type"]))}
		}
	}
	in.documents = asNumber(fields["num_docs"])
	in.failures = asNumber(fields["hash_indexing_failures"])
	if e := pairs(fields["Index Errors"]); len(e) > 0 { // since 2.8
		in.failures = asNumber(e["indexing failures"])
		in.lastError, in.lastKey = asText(e["last indexing error"]), asText(e["last indexing error key"])
	}
	return in, nil
}

func pairs(reply any) map[string]any {
	words, _ := reply.([]any)
	m := make(map[string]any, len(words)/2)
	for i := 0; i+1 < len(words); i += 2 {
		m[asText(words[i])] = words[i+1]
	}
	return m
}

func asText(v any) string {
	s, _ := v.(string)
	return s
}

func asNumber(v any) int64 {
	switch n := v.(type) {
	case int64:
		return n
	case string:
		f, _ := strconv.ParseFloat(n, 64)
		return int64(f)
	}
	return 0
}

// isUnknownIndex understands what FT.INFO, FT.ALTER and FT.SEARCH say about an index that does not exist. Every
// generation has words of its own:
//
//	Unknown Index name                             1.x to 2.6 (RediSearch issue 896)
//	Unknown index name                             2.8 (RediSearch 2.8, src/info_command.c)
//	logs_idx: no such index                        8.0 to 8.6, also 2.10 (src/module.c)
//	No such index logs_idx                         8.0, FT.SEARCH (src/aggregate/aggregate_exec.c)
//	Index not found                                8.8 on, behind a code: src/redisearch_rs/query_error
//	SEARCH_INDEX_NOT_FOUND Index not found: …
//
// The index's name is compared as well: one that sounds like such a sentence must not make an error about rights
// look like it.
func isUnknownIndex(reply, index string) bool {
	reply = withoutCode(reply)
	for _, say := range []string{"Unknown index name", "Index not found"} {
		if len(reply) >= len(say) && strings.EqualFold(reply[:len(say)], say) {
			return true
		}
	}
	return reply == index+": no such index" || reply == "No such index "+index
}

// isTaken says whether FT.CREATE came too late: another agent has made the index.
func isTaken(reply string) bool {
	return strings.HasPrefix(withoutCode(reply), "Index already exists")
}

// isDuplicate says whether FT.ALTER came too late.
func isDuplicate(reply string) bool {
	return strings.HasPrefix(withoutCode(reply), "Duplicate field in schema")
}

// withoutCode takes away the code that newer versions put in front.
func withoutCode(reply string) string {
	code, rest, ok := strings.Cut(reply, " ")
	if ok && (code == "ERR" || strings.HasPrefix(code, "SEARCH_")) {
		return rest
	}
	return reply
}
