package embedded

import (
	"slices"
	"strconv"
	"strings"
)

func (g *searchGenerator) create() []string {
	kind, prefix := "HASH", "h:"
	if g.json != g.chance(15) {
		kind, prefix = "JSON", "j:"
	}
	if g.chance(10) {
		prefix = g.pick("h:", "j:", "k:")
	}
	words := []string{"FT.CREATE", g.index(), "ON", kind, "PREFIX", "1", g.prefix + prefix}
	if g.chance(20) {
		words = append(words, g.pickWords([]string{"NOFREQS"}, []string{"SCORE", "0.5"}, []string{"STOPWORDS", "0"}, []string{"STOPWORDS", "1", "cat"}, []string{"LANGUAGE", "english"},
			[]string{"NOOFFSETS"}, []string{"NOHL"}, []string{"NOFIELDS"}, []string{"MAXTEXTFIELDS"}, []string{"SKIPINITIALSCAN"}, []string{"SCORE", "2"}, []string{"garbage"},
			[]string{"STOPWORDS", "x"}, []string{"STOPWORDS"}, []string{"SCORE", "x"})...)
	}
	words = append(words, "SCHEMA")
	for _, name := range []string{"t", "u", "g", "h", "n", "m"} {
		if g.chance(75) {
			words = append(words, g.field(kind, name)...)
		}
	}
	if kind == "JSON" && g.chance(15) {
		words = append(words, g.pick("$.l[*]", "$.l", "$.o.i", "$.l[0]", "$.o.*"), "AS", "l", g.pick("TAG", "TEXT", "NUMERIC"))
	}
	return words
}

// field mostly has the type of its values.
func (g *searchGenerator) field(kind, name string) []string {
	words := []string{name}
	if kind == "JSON" { // the real server does not always accept a path without $
		words = []string{"$." + name, "AS", name}
	}
	types := map[string]string{"t": "TEXT", "u": "TEXT", "g": "TAG", "h": "TAG", "n": "NUMERIC", "m": "NUMERIC"}
	typ := types[name]
	if g.chance(4) && typ == "TEXT" { // other types accept invalid paths
		words = g.pickWords([]string{"$." + name, "AS", name + "2"}, []string{"$." + name})
	}
	if g.chance(2) {
		typ = g.pick("TEXT", "TAG", "NUMERIC", "text", "BLOB")
	}
	words = append(words, typ)
	switch typ {
	case "TEXT":
		words = g.sometimes(25, words, "NOSTEM")
		words = g.sometimes(8, words, "WITHSUFFIXTRIE")
		words = g.sometimes(10, words, "WEIGHT", g.pick("2", "0.5", "2.5", "x"))
	case "TAG":
		words = g.sometimes(25, words, "SEPARATOR", g.pick(";", ",", " ", ";", ";;", "", "|"))
		words = g.sometimes(25, words, "CASESENSITIVE")
		words = g.sometimes(8, words, "WITHSUFFIXTRIE")
	}
	if g.chance(5) { // with SORTABLE the real server does not index a hash without other fields
		return append(words, "NOINDEX")
	}
	if words = g.sometimes(8, words, "UNF"); g.chance(40) {
		words = g.sometimes(20, append(words, "SORTABLE"), "UNF")
	}
	return words
}

func (g *searchGenerator) alter() []string {
	kind := "JSON"
	if !g.json {
		kind = g.pick("JSON", "HASH")
	}
	words := []string{"FT.ALTER", g.index()}
	words = g.sometimes(15, words, "SKIPINITIALSCAN")
	words = append(words, "SCHEMA", "ADD")
	words = append(words, g.field(kind, g.pick("t", "u", "g", "h", "n", "m"))...)
	if g.chance(20) {
		words = append(words, g.field(kind, g.pick("t", "u", "g", "h", "n", "m"))...)
	}
	return words
}

func (g *searchGenerator) drop() []string {
	return g.sometimes(50, []string{"FT.DROPINDEX", g.index()}, g.pick("DD", "DD", "dd", "x"))
}

// dialectWords mostly returns dialect 2, the only one of the embedded server.
func (g *searchGenerator) dialectWords() []string {
	if g.chance(13) {
		return []string{"DIALECT", g.pick("0", "5", "x", "-1")}
	}
	return []string{"DIALECT", "2"}
}

func (g *searchGenerator) term() string {
	return g.pick("red", "blue", "green", "cat", "dog", "42", "Red", "bl*", "re*", "gre*", "c*", "none", "the")
}

func (g *searchGenerator) tagTerm() string {
	return g.pick("x", "y", "X", "zoo", "z*", "za*", "z o", `z\ o`, "true", "none", "1")
}

func (g *searchGenerator) bound() string {
	return g.pick("0", "1", "2", "5", "-5", "10", "-inf", "+inf", "(1", "(2", "(0", "2.5", "inf")
}

func (g *searchGenerator) clause() string {
	switch n := g.r.IntN(100); {
	case n < 15:
		return g.term()
	case n < 30:
		return "@" + g.pick("t", "u") + ":" + g.pick(g.term(), "("+g.term()+" "+g.term()+")", "("+g.term()+"|"+g.term()+")")
	case n < 50:
		values := g.tagTerm()
		for g.chance(40) {
			values += g.pick("|", " | ") + g.tagTerm()
		}
		return "@" + g.pick("g", "h", "g", "l") + ":{" + values + "}"
	case n < 70:
		return "@" + g.pick("n", "m") + ":[" + g.bound() + g.pick(" ", " ", ",") + g.bound() + "]"
	case n < 78:
		return "-" + g.clause()
	case n < 86:
		return "(" + g.clause() + g.pick(" ", " | ", "|") + g.clause() + ")"
	case n < 88:
		if g.chance(50) { // several words must be in one field here, but may be in two there
			return `@t:"` + g.pick("blue dog", "red cat", "red blue") + `"`
		}
		return `"` + g.pick("red", "blue", "42") + `"`
	case n < 90:
		return "@t|u:" + g.term()
	case n < 92:
		return "@" + g.pick("n", "m") + g.pick("==", ">=", "<", "!=") + g.num()
	case n < 94:
		return "~" + g.clause()
	}
	return g.pick("@none:x", "@none:{x}", "@none:[1 2]", "@n:x", "@t:{x}", "@g:[1 2]", "@g:x", "@t:", "(", ")", "{", "@n:[1", "@g:{", "@g:{}", "|", "red |", "@n:[x 2]", "-", "\"red",
		"=>", "@n:[1 2 3]", "()", "*", "red*cat", "@t:*", "@n:[2 1]", "@n:[(1 (1]", "%%", "a;b", "@g:{x}|@h:{y}")
}

func (g *searchGenerator) query() string {
	if g.chance(25) {
		return "*"
	}
	q := g.clause()
	for g.chance(35) {
		q += g.pick(" ", " ", " | ", "|") + g.clause()
	}
	return q
}

func (g *searchGenerator) limit() []string {
	if g.chance(6) {
		return g.pickWords([]string{"LIMIT", "0", "0"}, []string{"LIMIT", "1", "0"}, []string{"LIMIT", "-1", "2"}, []string{"LIMIT", "0"}, []string{"LIMIT", "0", "x"},
			[]string{"LIMIT", "0", "1000001"}, []string{"LIMIT", "1000001", "1"}, []string{"LIMIT"})
	}
	return []string{"LIMIT", g.pick("0", "0", "1", "2"), g.pick("1", "2", "3", "10")}
}

func (g *searchGenerator) search() []string {
	words := []string{"FT.SEARCH", g.index(), g.query()}
	var groups [][]string
	put := func(percent int, words ...string) {
		if g.chance(percent) {
			groups = append(groups, words)
		}
	}
	put(15, "NOCONTENT")
	if g.chance(30) {
		groups = append(groups, g.returns())
	}
	if g.chance(45) && !g.scans {
		groups = append(groups, g.sometimes(50, []string{"SORTBY", g.pick("n", "m", "n", "t", "g", "none")}, g.pick("ASC", "DESC", "desc")))
		if g.chance(40) {
			groups = append(groups, g.limit())
		}
	} else if g.chance(10) {
		groups = append(groups, []string{"LIMIT", "0", "0"})
	}
	put(3, g.pick("garbage", "SORTBY", "RETURN", "VERBATIM", "DIALECT", "TIMEOUT", "PARAMS"))
	groups = append(groups, g.dialectWords())
	g.r.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	return append(words, slices.Concat(groups...)...)
}

func (g *searchGenerator) returns() []string {
	var names []string
	for range 1 + g.r.IntN(3) {
		names = append(names, g.pick("t", "u", "g", "h", "n", "m", "$", "$.n", "$.t", "none", "$.none", "l", "$.l[*]"))
		names = g.sometimes(15, names, "AS", g.pick("a", "b"))
	}
	return append([]string{"RETURN", strconv.Itoa(len(names))}, names...)
}

func (g *searchGenerator) aggregate() []string {
	words := append([]string{"FT.AGGREGATE", g.index(), g.query()}, g.dialectWords()...)
	words = g.sometimes(12, words, "LOAD", "1", g.pick("@n", "@t", "@none", "t", "$.n", "@l"))
	keys := []string{"@" + g.pick("t", "g", "h", "n", "m", "u", "none")}
	keys = g.sometimes(30, keys, "@"+g.pick("g", "n", "h", "m"))
	if g.chance(12) {
		keys = nil
	}
	words = append(words, "GROUPBY", strconv.Itoa(len(keys)))
	words = append(words, keys...)
	var made []string
	for n := range g.r.IntN(4) {
		name := "r" + strconv.Itoa(n)
		words = append(words, g.reducer()...)
		if g.chance(85) {
			words = append(words, "AS", name)
			if at := len(words) - 5; !strings.EqualFold(words[at], "SUM") && !strings.EqualFold(words[at], "AVG") { // the order of NaN is undefined
				made = append(made, "@"+name)
			}
		}
	}
	if g.chance(60) && !g.scans {
		order := append(slices.Clone(made), keys...)
		for i := len(order) - 1; i >= 0; i-- {
			if g.chance(40) {
				order = slices.Insert(order, i+1, g.pick("ASC", "DESC"))
			}
		}
		words = append(words, "SORTBY", strconv.Itoa(len(order)))
		words = append(words, order...)
		words = g.sometimes(15, words, "MAX", g.pick("1", "2", "10", "0", "x"))
		if g.chance(40) {
			words = append(words, g.limit()...)
		}
	}
	return g.sometimes(3, words, g.pick("garbage", "SORTBY", "GROUPBY", "LIMIT", "REDUCE", "RETURN"))
}

func (g *searchGenerator) reducer() []string {
	if g.chance(5) {
		return g.pickWords([]string{"REDUCE", "COUNT", "1", "@n"}, []string{"REDUCE", "SUM", "0"}, []string{"REDUCE", "none", "0"}, []string{"REDUCE", "SUM", "1", "n"},
			[]string{"REDUCE", "SUM", "1", "@none"}, []string{"REDUCE", "SUM", "2", "@n", "@m"}, []string{"REDUCE", "COUNT"}, []string{"REDUCE", "SUM", "x", "@n"}, []string{"REDUCE"})
	}
	if g.chance(35) {
		return []string{"REDUCE", g.pick("COUNT", "count"), "0"}
	}
	return []string{"REDUCE", g.pick("SUM", "MIN", "MAX", "AVG", "avg"), "1", "@" + g.pick("n", "m", "n", "m", "t", "g")}
}

// ordered reports whether the command determines the order of its reply.
func ordered(words []string) bool {
	return slices.ContainsFunc(words, func(s string) bool { return strings.EqualFold(s, "SORTBY") })
}
