package embedded

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

func keyNames() []string { return []string{"a", "b", "c", "d", "e", "f", "g", "str"} }

// generator makes random sequences of TimeSeries commands with few keys, few
// labels and close times, so that they interact.
//
// Comments in the code say what it leaves out, and why.
type generator struct {
	r       *rand.Rand
	prefix  string
	decimal bool // values with decimals in this sequence
	// Redis drops old samples by the chunk, this server by the sample. With a
	// retention, commands that show this are left out: TS.INFO, TS.DEL, a
	// changed retention.
	retention bool
	// Only rules write to f and g. In the real server a late sample that makes
	// a bucket newer than the newest one of the destination leaves a wrong
	// newest time there. So queries for the newest sample need ordered samples.
	rules, ordered bool
	clock          int // time of the newest sample if ordered
}

func newGenerator(seed uint64, prefix string) *generator {
	return &generator{r: rand.New(rand.NewPCG(seed, 0)), prefix: prefix}
}

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g *generator) pick(words ...string) string { return words[g.r.IntN(len(words))] }

func (g *generator) number(n int) string { return strconv.Itoa(g.r.IntN(n)) }

func (g *generator) key() string {
	if g.chance(2) {
		return g.prefix + "str"
	}
	return g.prefix + g.pick("a", "a", "a", "b", "b", "c", "d", "e")
}

// readKey also returns the destinations of rules.
func (g *generator) readKey() string {
	if g.rules && g.chance(40) {
		return g.prefix + g.pick("f", "g")
	}
	return g.key()
}

// writeTime returns the time of a sample.
func (g *generator) writeTime() string {
	if !g.ordered || g.chance(2) && !g.rules {
		return g.time()
	}
	g.clock += g.r.IntN(12)
	return strconv.Itoa(g.clock)
}

func (g *generator) sequence() [][]string {
	g.decimal, g.retention, g.rules, g.ordered = g.chance(30), g.chance(30), g.chance(50), g.chance(40)
	list := [][]string{{"HELLO", g.pick("2", "3")}}
	if g.chance(20) {
		list = append(list, []string{"SET", g.prefix + "str", "x"})
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		if g.chance(70) {
			list = append(list, append([]string{"TS.CREATE", g.prefix + name}, g.createOptions(false)...))
		}
	}
	if g.rules {
		for _, name := range []string{"f", "g"} {
			list = append(list, append([]string{"TS.CREATE", g.prefix + name}, g.labels()...), g.createRule())
		}
	}
	for range 10 + g.r.IntN(40) {
		words := g.command()
		if name := words[0]; g.retention && (name == "TS.INFO" || name == "TS.DEL" || name == "TS.ALTER") {
			continue
		}
		if g.chance(6) {
			words = g.spoil(words)
		}
		if g.kills(words) || g.rules && !g.ordered && g.tellsNewest(words) {
			continue
		}
		list = append(list, words)
	}
	return list
}

func (g *generator) command() []string {
	switch n := g.r.IntN(100); {
	case n < 22:
		return g.add()
	case n < 34:
		return g.madd()
	case n < 39:
		return g.increment()
	case n < 43:
		return append([]string{"TS.DEL", g.key()}, g.bounds()...)
	case n < 46:
		return g.alter()
	case n < 49:
		return append([]string{"TS.CREATE", g.key()}, g.createOptions(false)...)
	case n < 52:
		return g.wrongRule()
	case n < 53:
		return []string{"TS.DELETERULE", g.key(), g.readKey()}
	case n < 54:
		return []string{"DEL", g.key()}
	case n < 55: // RENAME crashes a Redis older than the module
		return g.sometimes(60, []string{"COPY", g.key(), g.key()}, "REPLACE")
	case n < 58:
		return g.sometimes(10, []string{"TS.INFO", g.readKey()}, "DEBUG")
	case n < 62:
		return g.sometimes(40, []string{"TS.GET", g.readKey()}, "LATEST")
	case n < 65:
		return append([]string{"TS.QUERYINDEX"}, g.matchers()...)
	case n < 69:
		return g.mget()
	case n < 85:
		return append([]string{g.pick("TS.RANGE", "TS.REVRANGE"), g.readKey()}, g.query()...)
	}
	return g.mrange()
}

func (g *generator) sometimes(percent int, words []string, more ...string) []string {
	if g.chance(percent) {
		words = append(words, more...)
	}
	return words
}

// time returns one of few values, so that samples meet. It leaves out "*" and
// missing times, because two servers have two clocks. It leaves out distant
// times, because EMPTY between them takes all memory of the real server.
func (g *generator) time() string {
	switch n := g.r.IntN(100); {
	case n < 50:
		return g.number(60)
	case n < 80:
		return strconv.Itoa(10 * g.r.IntN(30))
	case n < 99:
		return g.number(600)
	}
	return g.pick("-1", "x", "1.5", "", "+5", "007", " 5", "5 ", "0x10", "1e3", "9223372036854775808")
}

func (g *generator) value() string {
	switch n := g.r.IntN(100); {
	case n < 97 && g.decimal:
		return strconv.FormatFloat(float64(g.r.IntN(200000)-50000)/1000, 'f', -1, 64)
	case n < 85:
		return strconv.Itoa(g.r.IntN(24) - 4)
	case n < 97:
		return g.pick("0.5", "-2.25", "1e3", "10000", "0") // squares of larger numbers are not exact, so the last digit differs
	}
	return g.pick("x", "", ".5", "5.", "+5", "nan", "NaN", "inf", "-inf", "1e400", "0x10", "05", " 1", "-0", "1e-400", "1e", "--1")
}

func (g *generator) createOptions(add bool) []string {
	var groups [][]string
	put := func(percent int, words ...string) {
		if g.chance(percent) {
			groups = append(groups, words)
		}
	}
	if g.retention {
		put(60, "RETENTION", g.pick("0", "10", "50", "100", "300", "-1", "x"))
	} else {
		put(10, "RETENTION", g.pick("0", "100000", "-1", "x"))
	}
	put(15, "CHUNK_SIZE", g.pick("48", "128", "4096", "128", "47", "50", "0", "-8", "x", "1048584"))
	put(15, "ENCODING", g.pick("COMPRESSED", "UNCOMPRESSED", "compressed", "zip"))
	put(8, g.pick("COMPRESSED", "UNCOMPRESSED"))
	put(45, "DUPLICATE_POLICY", g.policy())
	put(10, "IGNORE", g.pick("5", "0", "20", "-1", "x"), g.pick("0", "1", "2.5", "-1", "x"))
	if add {
		put(30, "ON_DUPLICATE", g.policy())
	}
	g.r.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	if g.chance(80) {
		groups = append(groups, g.labels())
	}
	return slices.Concat(groups...)
}

// alter leaves out CHUNK_SIZE: the real server loses samples when it changes.
func (g *generator) alter() []string {
	words := append([]string{"TS.ALTER", g.key()}, g.createOptions(false)...)
	if i := slices.Index(words, "CHUNK_SIZE"); i >= 0 {
		words = slices.Delete(words, i, i+2)
	}
	return words
}

func (g *generator) policy() string {
	if g.chance(5) {
		return g.pick("x", "", "blocK")
	}
	return g.pick("BLOCK", "FIRST", "LAST", "LAST", "MIN", "MAX", "SUM", "last", "sum")
}

// labels always has the private label, which every filter asks for.
func (g *generator) labels() []string {
	list := []string{"LABELS", "rtcdiff", g.prefix}
	for _, name := range []string{"host", "cpu", "x"} {
		if g.chance(60) {
			list = append(list, name, g.pick("1", "2", "3"))
		}
	}
	if g.chance(4) {
		list = append(list, g.pick("odd", "", "empty"))
	}
	if g.chance(4) {
		list = append(list, g.pick("bad", "host"), g.pick("", "(a", "a,b", "a)", "a=b", "a b"))
	}
	return list
}

func (g *generator) add() []string {
	words := []string{"TS.ADD", g.key(), g.writeTime(), g.value()}
	if g.chance(30) {
		words = append(words, g.createOptions(true)...)
	}
	return words
}

func (g *generator) madd() []string {
	words := []string{"TS.MADD"}
	for range 1 + g.r.IntN(12) {
		words = append(words, g.key(), g.writeTime(), g.value())
	}
	return words
}

func (g *generator) increment() []string {
	words := []string{g.pick("TS.INCRBY", "TS.DECRBY"), g.key(), g.value(), "TIMESTAMP", strings.TrimPrefix(g.writeTime(), "-")} // the real server takes negative times here
	if g.chance(30) {
		words = append(words, g.createOptions(false)...)
	}
	return words
}

func (g *generator) createRule() []string {
	dest := g.prefix + g.pick("f", "f", "g", "none")
	agg := g.aggregator()
	if g.retention && strings.EqualFold(agg, "twa") {
		agg = "avg" // the real rule remembers a sample that retention has removed
	}
	words := []string{"TS.CREATERULE", g.pick(g.key(), g.key(), g.key(), dest), dest, "AGGREGATION", agg, g.bucket()}
	if g.chance(30) {
		words = append(words, g.pick("0", "3", "7", "25", "-1", "x"))
	}
	return words
}

// wrongRule returns a rule that is refused. Rules are created before the
// samples, because the real server can count samples twice otherwise.
func (g *generator) wrongRule() []string {
	words, source := g.createRule(), g.key()
	words[1], words[2] = source, g.pick(source, g.prefix+"none")
	return words
}

func (g *generator) aggregator() string {
	if g.chance(2) {
		return g.pick("median", "", "std")
	}
	return g.pick("avg", "sum", "min", "max", "range", "count", "first", "last", "std.p", "std.s", "var.p", "var.s",
		"twa", "twa", "AVG", "Twa")
}

func (g *generator) bucket() string {
	if g.chance(3) {
		return g.pick("0", "-1", "x", "")
	}
	return g.pick("1", "5", "7", "10", "10", "20", "33", "100", "1000")
}

func (g *generator) bounds() []string {
	from, to := g.pick("-", g.time()), g.pick("+", g.time())
	if g.chance(3) {
		from, to = g.pick("+", "x", "-1", "*", "60"), g.pick("-", "x", "-1", "*", "9223372036854775807")
	}
	return []string{from, to}
}

// query returns the arguments after the key of TS.RANGE.
func (g *generator) query() []string {
	var groups [][]string
	put := func(percent int, words ...string) {
		if g.chance(percent) {
			groups = append(groups, words)
		}
	}
	put(15, "LATEST")
	put(20, "COUNT", g.pick("0", "1", "2", "3", "5", "100", "-1", "x"))
	if g.chance(15) {
		list := []string{"FILTER_BY_TS"}
		for range 1 + g.r.IntN(8) {
			list = append(list, g.time())
		}
		groups = append(groups, list)
	}
	put(15, "FILTER_BY_VALUE", g.value(), g.pick("5", "10", "100", g.value()))
	if g.chance(65) {
		list := []string{"AGGREGATION", g.aggregator(), g.bucket()}
		if g.chance(30) {
			list = append(list, "BUCKETTIMESTAMP", g.pick("-", "+", "~", "low", "high", "mid", "start", "end", "x"))
		}
		list = g.sometimes(35, list, "EMPTY")
		if g.chance(30) {
			list = slices.Concat([]string{"ALIGN", g.pick("start", "end", "-", "+", "0", "3", "7", "25", "-1", "x")}, list)
		}
		groups = append(groups, list)
	}
	put(2, g.pick("EMPTY", "garbage", "ALIGN", "COUNT"))
	if g.chance(20) {
		g.r.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	}
	return append(g.bounds(), slices.Concat(groups...)...)
}

// private returns the matcher that every filter for the real server has. It
// keeps the series of others out of the replies.
func (g *generator) private() string { return "rtcdiff=" + g.prefix }

func (g *generator) matchers() []string {
	list := []string{g.private()}
	for g.chance(40) {
		name := g.pick("host", "cpu", "x", "none")
		list = append(list, name+g.pick("=1", "=2", "!=1", "=", "!=", "=(1,2)", "!=(1,3)", "=(2)", "=9"))
	}
	if g.chance(5) {
		list = append(list, g.pick("host", "=", "!=", "host=(", "host=()", "host=(1", "", "host=(1,)", "host==1", "host!", "host=(1 ,2)", `host="1"`, "host=1=2"))
	}
	return list
}

func (g *generator) labelWords() []string {
	switch n := g.r.IntN(100); {
	case n < 35:
		return []string{"WITHLABELS"}
	case n < 60:
		return g.sometimes(50, []string{"SELECTED_LABELS", g.pick("host", "none")}, g.pick("cpu", "x", "host"))
	case n < 63:
		return g.pickWords([]string{"SELECTED_LABELS"}, []string{"WITHLABELS", "SELECTED_LABELS", "host"})
	}
	return nil
}

func (g *generator) pickWords(lists ...[]string) []string { return lists[g.r.IntN(len(lists))] }

func (g *generator) mget() []string {
	words := []string{"TS.MGET"}
	words = g.sometimes(30, words, "LATEST")
	words = append(words, g.labelWords()...)
	return append(append(words, "FILTER"), g.matchers()...)
}

func (g *generator) mrange() []string {
	words := slices.Concat([]string{g.pick("TS.MRANGE", "TS.MREVRANGE")}, g.query(), g.labelWords(), []string{"FILTER"}, g.matchers())
	if g.chance(45) {
		words = append(words, "GROUPBY", g.pick("host", "cpu", "x", "none"), g.pick("REDUCE", "REDUCE", "reduce"), g.aggregator())
	}
	return words
}
