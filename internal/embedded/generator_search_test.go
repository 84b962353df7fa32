package embedded

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// searchGenerator makes random sequences of JSON.* and FT.* commands with few
// keys, words and numbers, so that they interact.
//
// It leaves out known differences: words that stemming changes, scores, and
// LIMIT without a defined order.
type searchGenerator struct {
	*generator
	json  bool // most documents and indexes are JSON
	scans bool // indexes are created after documents; the real server scans those in any order, so nothing is sorted
}

func searchKeys() []string {
	return []string{"j:1", "j:2", "j:3", "j:4", "j:5", "h:1", "h:2", "h:3", "h:4", "s", "k:1"}
}

func searchIndexes() []string { return []string{"idx", "idy", "idz"} }

func newSearchGenerator(seed uint64, prefix string) *searchGenerator {
	return &searchGenerator{generator: &generator{r: rand.New(rand.NewPCG(seed, 1)), prefix: prefix}}
}

func (g *searchGenerator) sequence() [][]string {
	g.json = g.chance(60)
	list := [][]string{{"HELLO", g.pick("2", "3")}}
	if g.chance(20) {
		list = append(list, []string{"SET", g.prefix + "s", "x"})
	}
	g.scans = g.chance(30)
	for range g.r.IntN(3) {
		if g.scans {
			list = append(list, g.write())
		}
	}
	for range 1 + g.r.IntN(2) {
		list = append(list, g.create())
	}
	for range 8 + g.r.IntN(40) {
		words := g.command()
		if words[0] == "RENAME" { // onto an existing document: the real server then finds the new one twice
			list = append(list, []string{"DEL", words[2]})
		}
		if g.chance(7) {
			words = g.spoil(words)
		}
		list = append(list, words)
	}
	return append(list, []string{"FT.INFO", g.prefix + "idx"}, []string{"FT.INFO", g.prefix + "idy"})
}

func (g *searchGenerator) command() []string {
	switch n := g.r.IntN(100); {
	case n < 30:
		return g.write()
	case n < 36:
		return g.change()
	case n < 40:
		return g.readJSON()
	case n < 43 && g.scans:
		return g.create()
	case n < 46 && g.scans:
		return g.alter()
	case n < 48:
		return g.drop()
	case n < 49:
		return []string{"FT._LIST"}
	case n < 55:
		return []string{"FT.INFO", g.index()}
	case n < 82:
		return g.search()
	}
	return g.aggregate()
}

func (g *searchGenerator) index() string {
	if g.chance(3) {
		return g.prefix + "none"
	}
	return g.prefix + g.pick("idx", "idx", "idx", "idy", "idz")
}

func (g *searchGenerator) key() string {
	if g.chance(2) {
		return g.prefix + "s"
	}
	if g.chance(5) {
		return g.prefix + "k:1"
	}
	if g.json != g.chance(10) {
		return g.prefix + "j:" + g.pick("1", "2", "3", "4", "5")
	}
	return g.prefix + "h:" + g.pick("1", "2", "3", "4")
}

func (g *searchGenerator) isHash(key string) bool {
	return strings.HasPrefix(key, g.prefix+"h:") != g.chance(3)
}

func (g *searchGenerator) write() []string {
	key := g.key()
	if !g.isHash(key) {
		switch n := g.r.IntN(100); {
		case n < 70:
			return g.sometimes(6, []string{"JSON.SET", key, g.pick("$", "$", "$", ".", "$"), g.document()}, g.pick("NX", "XX", "x"))
		case n < 92:
			return g.sometimes(6, []string{"JSON.SET", key, g.path(), g.jsonValue()}, g.pick("NX", "XX", "nx"))
		}
		words := []string{"JSON.MSET", key, "$", g.document()}
		for _, name := range []string{"1", "2", "3"} { // each key once: the real server sees only the old values
			if other := g.prefix + "j:" + name; other != key && g.chance(30) {
				words = append(words, other, g.pick("$", "$", "$.n"), g.document())
			}
		}
		return words
	}
	words := []string{"HSET", key}
	for range 1 + g.r.IntN(4) {
		name := g.fieldName()
		words = append(words, name, g.hashValue(name))
	}
	return words
}

// change removes or renames a key, or sets a time to live that is far away.
func (g *searchGenerator) change() []string {
	key := g.key()
	switch g.r.IntN(8) {
	case 0:
		return []string{"DEL", key}
	case 1:
		return []string{"JSON.DEL", key}
	case 2:
		return []string{"JSON.DEL", key, g.path()}
	case 3:
		return []string{"HDEL", key, g.fieldName()}
	case 4:
		if g.scans && strings.Contains(key, ":h:") { // the real server does not always read the hash again equally often
			return []string{"DEL", key}
		}
		return []string{g.pick("EXPIRE", "PEXPIRE"), key, "100000000"}
	case 5:
		if to := g.key(); strings.Contains(key, ":h:") == strings.Contains(to, ":h:") { // otherwise it finds a hash in an index on JSON
			return []string{"RENAME", key, to}
		}
		return []string{"DEL", key}
	case 6:
		return []string{"UNLINK", key}
	}
	return []string{"JSON.DEL", key, "$"}
}

func (g *searchGenerator) readJSON() []string {
	if g.chance(40) {
		return g.sometimes(70, []string{"JSON.TYPE", g.key()}, g.path())
	}
	return g.sometimes(70, []string{"JSON.GET", g.key()}, g.path())
}

func (g *searchGenerator) fieldName() string { return g.pick("t", "u", "g", "h", "n", "m", "n", "t") }

func (g *searchGenerator) path() string {
	if g.chance(8) {
		return g.pick("$.none", "$.n.x", "$.l[0]", "$.l[*]", "$.*", ".t", "n", "$.o.i", "$[0]", "$.l[7]", "$.l[-1]")
	}
	return "$." + g.fieldName()
}

func (g *searchGenerator) word() string {
	return g.pick("red", "blue", "green", "cat", "dog", "Red", "blu", "42", "the")
}

func (g *searchGenerator) text() string {
	words := []string{g.word()}
	for g.chance(60) {
		words = append(words, g.word())
	}
	return strings.Join(words, g.pick(" ", " ", " ", ", ", "-", ";"))
}

func (g *searchGenerator) tags() string {
	words := []string{g.tag()}
	for g.chance(40) {
		words = append(words, g.tag())
	}
	return strings.Join(words, g.pick(",", ";", ", ", " , "))
}

func (g *searchGenerator) tag() string { return g.pick("x", "y", "X", "zoo", "z o", "zap", "", "x") }

func (g *searchGenerator) num() string {
	return g.pick("0", "1", "2", "3", "7", "-5", "10", "2.5", "100", "1.25")
}

func (g *searchGenerator) hashValue(name string) string {
	switch {
	case g.chance(5):
		return g.pick("", " ", "x", "-", "1e3", "nan", "inf", "0x10", " 5", "5 ", "1,5")
	case name == "n" || name == "m":
		return g.num()
	case name == "g" || name == "h":
		return g.tags()
	}
	return g.text()
}

func (g *searchGenerator) jsonValue() string {
	switch n := g.r.IntN(100); {
	case n < 35:
		return g.num()
	case n < 55:
		return strconv.Quote(g.text())
	case n < 75:
		return strconv.Quote(g.tags())
	}
	return g.oddJSON()
}

func (g *searchGenerator) oddJSON() string {
	if g.scans && g.chance(20) { // the order of booleans among texts differs
		return g.pick("true", "false")
	}
	return g.pick("null", "[]", "{}", `["x","y"]`, `["x",null]`, `["x",1]`, "[1,2]", "[1,null,3]", `[1,"x"]`, `{"i":1}`, `""`, `[["x"]]`,
		"[true]", `["red dog","cat"]`, "1e3", "1.0", "1e2")
}

func (g *searchGenerator) document() string {
	if g.chance(2) {
		return g.pick("{", "[]", "1", `"red"`, "null", "", "{}")
	}
	var parts []string
	put := func(name, val string) {
		if g.chance(6) {
			val = g.oddJSON()
		}
		if g.chance(70) {
			parts = append(parts, strconv.Quote(name)+":"+val)
		}
	}
	put("t", strconv.Quote(g.text()))
	put("u", strconv.Quote(g.text()))
	put("g", strconv.Quote(g.tags()))
	put("h", g.pick(strconv.Quote(g.tags()), `["x","y"]`, `["zoo"]`, `"true"`))
	put("n", g.num())
	put("m", g.num())
	if g.chance(20) {
		put("l", g.pick(`["x","zap"]`, "[1,2,3]", `["red","blue"]`, "[]"))
		put("o", `{"i":2,"s":"dog"}`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// spoil changes a word, unless the command would then reach something of
// others.
func (g *searchGenerator) spoil(words []string) []string {
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
		out[at] = g.pick("garbage", "-1", "-1", "0", "AS", "LIMIT", "x", "@n", "9")
	case 4:
		out[at] = strings.ToLower(out[at])
	}
	if !g.safe(out) {
		return words
	}
	return out
}

func (g *searchGenerator) safe(words []string) bool {
	ours := func(i int) bool { return i >= len(words) || strings.HasPrefix(words[i], g.prefix) }
	switch words[0] {
	case "FT.CREATE":
		return ours(1) && len(words) > 6 && words[4] == "PREFIX" && words[5] == "1" && ours(6) && words[6] != g.prefix
	case "HDEL":
		return ours(1) && len(words) > 2
	case "HSET": // the embedded server checks the number of fields late
		return ours(1) && len(words)%2 == 0 && len(words) > 2
	case "JSON.SET", "JSON.GET", "JSON.DEL", "JSON.TYPE": // paths have a grammar of their own
		return ours(1) && !slices.Contains(words, "@n") && !slices.Contains(words, "-1") && (words[0] != "JSON.SET" || len(words) > 3 && len(words[3]) > 2)
	case "DEL", "UNLINK":
		return len(words) == 2 && ours(1)
	case "RENAME":
		return len(words) == 2 && ours(1)
	case "JSON.MSET":
		if len(words) > 4 {
			return false
		}
		for i := 1; i < len(words); i += 3 {
			if !ours(i) {
				return false
			}
		}
	case "EXPIRE", "PEXPIRE": // a time in the past deletes the key
		return ours(1) && len(words) == 3 && words[2] == "100000000"
	}
	return ours(1)
}
