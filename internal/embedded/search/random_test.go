package search_test

import (
	"github.com/rtcollector/rtcollector/internal/embedded/embeddedtest"

	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

// TestSearchAgainstAScan changes random documents and compares the results of
// random queries with a scan of all documents.
func TestSearchAgainstAScan(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := &scanModel{rnd: rand.New(rand.NewPCG(seed, 7)), docs: map[string]*modelDoc{}}
			_, c := embeddedtest.Start(t, embedded.Config{})
			c.Line("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.m AS m TEXT $.x AS x TEXT $.t AS t TAG $.n AS n NUMERIC SORTABLE")
			for range 60 {
				for range m.rnd.IntN(80) {
					m.change(c)
				}
				m.compare(t, c)
			}
		})
	}
}

type modelDoc struct {
	m, x, t []string // words of m and x, tags of t
	n       int
	has     bool // has a number n
	born    int
}

type scanModel struct {
	rnd  *rand.Rand
	docs map[string]*modelDoc
	age  int
}

func (m *scanModel) word() string { return fmt.Sprintf("wo%c", 'a'+m.rnd.IntN(12)) }

func (m *scanModel) words() []string {
	var list []string
	for range m.rnd.IntN(5) {
		list = append(list, m.word())
	}
	return list
}

func (m *scanModel) change(c *resptest.Client) {
	key := fmt.Sprintf("d:%d", m.rnd.IntN(150))
	switch m.rnd.IntN(10) {
	case 0:
		c.Do("DEL", key)
		delete(m.docs, key)
	case 1:
		to := fmt.Sprintf("d:%d", m.rnd.IntN(150))
		if m.docs[key] != nil && key != to {
			c.Do("RENAME", key, to)
			m.docs[to] = m.docs[key]
			delete(m.docs, key)
		}
	default:
		m.age++
		doc := &modelDoc{m: m.words(), x: m.words(), t: m.words(), n: m.rnd.IntN(20), has: m.rnd.IntN(4) > 0, born: m.age}
		text := fmt.Sprintf(`{"m":"%s","x":"%s","t":[%s]`, strings.Join(doc.m, ", "), strings.Join(doc.x, " "), quoteAll(doc.t))
		if doc.has {
			text += fmt.Sprintf(`,"n":%d`, doc.n)
		}
		c.Do("JSON.SET", key, "$", text+"}")
		m.docs[key] = doc
	}
}

func quoteAll(list []string) string {
	var quoted []string
	for _, s := range list {
		quoted = append(quoted, `"`+strings.ToUpper(s)+`"`)
	}
	return strings.Join(quoted, ",")
}

// query returns a random query of dialect 2, and a function that evaluates it.
func (m *scanModel) query(depth int) (string, func(*modelDoc) bool) {
	word := m.word()
	kind := m.rnd.IntN(10)
	if depth == 0 {
		kind = m.rnd.IntN(6)
	}
	switch kind {
	case 0:
		return word, func(d *modelDoc) bool { return slices.Contains(d.m, word) || slices.Contains(d.x, word) }
	case 1:
		return "@x:" + word, func(d *modelDoc) bool { return slices.Contains(d.x, word) }
	case 2:
		other := m.word()
		return "@t:{" + word + "|" + other + "}", func(d *modelDoc) bool { return slices.Contains(d.t, word) || slices.Contains(d.t, other) }
	case 3:
		lo := m.rnd.IntN(20)
		hi := lo + m.rnd.IntN(20)
		return fmt.Sprintf("@n:[(%d %d]", lo, hi), func(d *modelDoc) bool { return d.has && d.n > lo && d.n <= hi }
	case 4:
		other := m.word()
		return fmt.Sprintf(`@m:"%s %s"`, word, other), func(d *modelDoc) bool {
			return strings.Contains(" "+strings.Join(d.m, " ")+" ", " "+word+" "+other+" ")
		}
	case 5:
		return "@m:wo*", func(d *modelDoc) bool { return len(d.m) > 0 }
	case 6:
		q, is := m.query(depth - 1)
		return "-(" + q + ")", func(d *modelDoc) bool { return !is(d) }
	}
	a, isA := m.query(depth - 1)
	b, isB := m.query(depth - 1)
	if kind == 7 {
		return "(" + a + "|" + b + ")", func(d *modelDoc) bool { return isA(d) || isB(d) }
	}
	return "(" + a + " " + b + ")", func(d *modelDoc) bool { return isA(d) && isB(d) }
}

func (m *scanModel) compare(t *testing.T, c *resptest.Client) {
	t.Helper()
	query, is := m.query(3)
	var want []string
	groups := map[string]int{}
	for key, doc := range m.docs {
		if is(doc) {
			want = append(want, key)
			groups[m.group(doc)]++
		}
	}
	slices.SortFunc(want, func(a, b string) int { return cmp.Compare(m.docs[a].born, m.docs[b].born) })
	m.same(t, c, query, want)
	desc := m.rnd.IntN(2) == 0
	slices.SortStableFunc(want, func(a, b string) int { return m.byNumber(m.docs[a], m.docs[b], desc) })
	m.same(t, c, query, want, "SORTBY", "n", map[bool]string{true: "DESC", false: "ASC"}[desc])
	reply := c.Do("FT.AGGREGATE", "i", query, "GROUPBY", "1", "@n", "REDUCE", "COUNT", "0", "AS", "c", "DIALECT", "2").(map[string]any)["a"].([]any)
	for _, row := range reply[1:] {
		cells := row.(map[string]any)["a"].([]any)
		group := resptest.Show(cells[1])
		if got, want := resptest.Show(cells[3]), fmt.Sprintf(`{"b":"%d"}`, groups[group]); got != want {
			t.Errorf("%s: group %s counts %s, want %s", query, group, got, want)
		}
	}
	if len(reply)-1 != len(groups) {
		t.Errorf("%s: %d groups, want %d", query, len(reply)-1, len(groups))
	}
}

func (m *scanModel) group(d *modelDoc) string {
	if !d.has {
		return `{"nil":true}`
	}
	return fmt.Sprintf(`{"b":"%d"}`, d.n)
}

// byNumber compares by number. Documents without a number come last, and equal
// ones by age in the same direction.
func (m *scanModel) byNumber(a, b *modelDoc, desc bool) int {
	if a.has != b.has {
		if a.has {
			return -1
		}
		return 1
	}
	c := cmp.Compare(a.born, b.born)
	if a.has && a.n != b.n {
		c = cmp.Compare(a.n, b.n)
	}
	if desc {
		c = -c
	}
	return c
}

func (m *scanModel) same(t *testing.T, c *resptest.Client, query string, want []string, options ...string) {
	t.Helper()
	list := want
	offset, num := m.rnd.IntN(5), 1+m.rnd.IntN(200)
	list = list[min(offset, len(list)):]
	list = list[:min(num, len(list))]
	args := append([]string{"FT.SEARCH", "i", query, "NOCONTENT", "DIALECT", "2", "LIMIT", fmt.Sprint(offset), fmt.Sprint(num)}, options...)
	keys := []string{fmt.Sprintf(`{"i":%d}`, len(want))}
	for _, key := range list {
		keys = append(keys, `{"b":"`+key+`"}`)
	}
	if got, want := resptest.Show(c.Do(args...)), `{"a":[`+strings.Join(keys, ",")+`]}`; got != want {
		t.Fatalf("%q\n got %s\nwant %s", args, got, want)
	}
}
