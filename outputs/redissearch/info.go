package redissearch

import (
	"errors"
	"strconv"
	"strings"
)

// indexInfo is the part of the reply to FT.INFO that this output uses.
type indexInfo struct {
	keyType    string
	prefixes   []string
	attributes map[string]foundAttribute
	documents  int64

	failures  int64  // documents that the index has refused so far; never decreases
	lastError string // "": unknown
	lastKey   string
}

type foundAttribute struct{ path, kind string }

var errInfo = errors.New("unexpected reply to FT.INFO: RediSearch 2.2 or newer is needed")

// parseInfo parses the RESP2 reply to FT.INFO: alternating names and values. Old versions send numbers as texts.
func parseInfo(reply any) (indexInfo, error) {
	in := indexInfo{attributes: map[string]foundAttribute{}}
	fields := pairsToMap(reply)
	definition := pairsToMap(fields["index_definition"])
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
			p := pairsToMap(words[:6])
			in.attributes[asText(p["attribute"])] = foundAttribute{asText(p["identifier"]), strings.ToUpper(asText(p["type"]))}
		}
	}
	in.documents = asNumber(fields["num_docs"])
	in.failures = asNumber(fields["hash_indexing_failures"])
	if e := pairsToMap(fields["Index Errors"]); len(e) > 0 { // since 2.8
		in.failures = asNumber(e["indexing failures"])
		in.lastError, in.lastKey = asText(e["last indexing error"]), asText(e["last indexing error key"])
	}
	return in, nil
}

func pairsToMap(reply any) map[string]any {
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

// isUnknownIndex reports whether FT.INFO, FT.ALTER or FT.SEARCH replied that the index does not exist. The text depends on the version:
//
//	Unknown Index name                             1.x to 2.6 (RediSearch issue 896)
//	Unknown index name                             2.8 (RediSearch 2.8, src/info_command.c)
//	logs_idx: no such index                        8.0 to 8.6, also 2.10 (src/module.c)
//	No such index logs_idx                         8.0, FT.SEARCH (src/aggregate/aggregate_exec.c)
//	Index not found                                since 8.8, after a code: src/redisearch_rs/query_error
//	SEARCH_INDEX_NOT_FOUND Index not found: …
//
// The name of the index is compared as well, so that an error about permissions is not mistaken for this one if the name contains such
// a text.
func isUnknownIndex(reply, index string) bool {
	reply = trimErrorCode(reply)
	for _, known := range []string{"Unknown index name", "Index not found"} {
		if len(reply) >= len(known) && strings.EqualFold(reply[:len(known)], known) {
			return true
		}
	}
	return reply == index+": no such index" || reply == "No such index "+index
}

// isExistingIndex reports whether FT.CREATE failed because the index already exists.
func isExistingIndex(reply string) bool {
	return strings.HasPrefix(trimErrorCode(reply), "Index already exists")
}

// isExistingAttribute reports whether FT.ALTER failed because an attribute already exists.
func isExistingAttribute(reply string) bool {
	return strings.HasPrefix(trimErrorCode(reply), "Duplicate field in schema")
}

// trimErrorCode removes the error code that newer versions put before the text.
func trimErrorCode(reply string) string {
	code, rest, ok := strings.Cut(reply, " ")
	if ok && (code == "ERR" || strings.HasPrefix(code, "SEARCH_")) {
		return rest
	}
	return reply
}
