package embedded

import (
	"slices"
	"strconv"
	"strings"
)

// The following commands are not sent. They would show known differences, kill
// the real server or reach keys of others.

func (g *generator) tellsNewest(words []string) bool {
	switch words[0] {
	case "TS.INFO", "TS.GET", "TS.MGET":
		return true
	}
	return slices.ContainsFunc(words, func(s string) bool { return strings.EqualFold(s, "LATEST") })
}

// kills reports whether a query kills the real server, now or later: EMPTY in a
// backward query, which can also lose the oldest bucket, and twa with a filter,
// which reads missing neighbours. With twa and EMPTY the real server can also
// lose the first bucket after the samples. It can invent one if the query ends
// before it begins, or if buckets are not stamped with their start or not
// aligned to 0.
func (g *generator) kills(words []string) bool {
	has := func(w string) bool {
		return slices.ContainsFunc(words, func(s string) bool { return strings.EqualFold(s, w) })
	}
	if at := 1; has("twa") && has("EMPTY") && len(words) > 3 {
		if strings.HasPrefix(words[1], g.prefix) {
			at++
		}
		from, err1 := strconv.Atoi(words[at])
		to, err2 := strconv.Atoi(words[at+1])
		if err1 == nil && err2 == nil && from > to {
			return true
		}
	}
	return has("EMPTY") && strings.Contains(words[0], "REV") || has("twa") && (has("FILTER_BY_VALUE") || has("FILTER_BY_TS")) ||
		has("twa") && has("EMPTY") && (has("BUCKETTIMESTAMP") || has("ALIGN"))
}

// spoil changes one word, unless the command would then reach a key or series
// of others.
func (g *generator) spoil(words []string) []string {
	if len(words) < 2 {
		return words
	}
	out, at := slices.Clone(words), 1+g.r.IntN(len(words)-1)
	switch g.r.IntN(5) {
	case 0:
		out = slices.Delete(out, at, at+1)
	case 1:
		out = slices.Insert(out, at, out[at])
	case 2:
		out = out[:at]
	case 3:
		out[at] = g.pick("garbage", "", "-1", "0", "x=y", "COUNT", "LABELS")
	case 4:
		out[at] = strings.ToLower(out[at])
	}
	if !g.safe(out) {
		return words
	}
	return out
}

func (g *generator) safe(words []string) bool {
	ours := func(i int) bool { return i >= len(words) || strings.HasPrefix(words[i], g.prefix) }
	switch words[0] {
	case "DEL":
		return len(words) == 2 && ours(1)
	case "TS.MADD":
		for i := 1; i < len(words); i += 3 {
			if !ours(i) {
				return false
			}
		}
		return true
	case "TS.CREATERULE": // with AGGREGATION elsewhere the real server reads beyond the arguments and crashes
		return ours(1) && ours(2) && (len(words) < 6 || words[3] == "AGGREGATION")
	case "TS.DELETERULE", "COPY":
		return ours(1) && ours(2)
	case "TS.QUERYINDEX":
		return len(words) == 1 || words[1] == g.private()
	case "TS.MGET", "TS.MRANGE", "TS.MREVRANGE":
		return g.safeFilter(words)
	case "TS.INCRBY", "TS.DECRBY": // without a time the command reads the clock; TIMESTAMP as the last word crashes the real server
		return ours(1) && (len(words) < 3 || len(words) > 4 && words[3] == "TIMESTAMP" && words[4] != "-1")
	}
	return ours(1)
}

func (g *generator) safeFilter(words []string) bool {
	for i, w := range words {
		if strings.EqualFold(w, "FILTER") && i+1 < len(words) && words[i+1] != g.private() {
			return false
		}
	}
	return true
}
