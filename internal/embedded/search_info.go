package embedded

import "math"

// notYet is what FT.INFO says before anything went wrong.
const notYet = "N/A"

// ftInfo has the fields of RediSearch 8.0 in their order. Sizes are estimates;
// what this server does not have (cursors, garbage collection) is zero.
func ftInfo(c *conn, args [][]byte) {
	st := c.srv.store
	st.rlock(0)
	defer st.mu.RUnlock()
	ix := st.search.find(args[1])
	if ix == nil {
		c.fail(noSuchIndex(args[1]))
		return
	}
	fields := 34
	if ix.def.stop.own {
		fields++
	}
	c.out.mapOf(fields)
	c.infoText("index_name", ix.name)
	c.infoWords("index_options", ix.def.options)
	c.infoDefinition(&ix.def)
	c.out.simple("attributes")
	c.out.array(len(ix.fields))
	for i := range ix.fields {
		c.infoField(&ix.fields[i])
	}
	c.infoSizes(ix)
	c.infoProgress(ix)
	c.infoIdle(ix)
	c.out.simple("Index Errors")
	c.infoFaults(&ix.faults, true)
	c.out.simple("field statistics")
	c.out.array(len(ix.fields))
	for i := range ix.fields {
		f := &ix.fields[i]
		c.out.mapOf(3)
		c.infoText("identifier", f.path)
		c.infoText("attribute", f.name)
		c.out.simple("Index Errors")
		c.infoFaults(&f.faults, false)
	}
}

func (c *conn) infoWords(name string, list []string) {
	c.out.simple(name)
	c.out.array(len(list))
	for _, word := range list {
		c.out.simple(word)
	}
}

// infoDouble writes a number as modules do: a double, in RESP2 its text.
func (c *conn) infoDouble(name string, v float64) {
	c.out.simple(name)
	c.out.double(v)
}

func (c *conn) infoDefinition(def *definition) {
	kind := "HASH"
	if def.json {
		kind = "JSON"
	}
	c.out.simple("index_definition")
	c.out.mapOf(4) // RediSearch tells the language when it is not English
	c.infoText("key_type", kind)
	c.infoWords("prefixes", def.prefixes)
	c.infoDouble("default_score", def.score)
	c.infoText("indexes_all", "false")
}

func (f *field) flags() []string {
	var list []string
	for _, flag := range []struct {
		set  bool
		name string
	}{
		{f.exact, "CASESENSITIVE"}, {f.sortable, "SORTABLE"}, {f.unf, "UNF"}, {f.noStem, "NOSTEM"}, {f.noIndex, "NOINDEX"}, {f.suffix, "WITHSUFFIXTRIE"},
	} {
		if flag.set {
			list = append(list, flag.name)
		}
	}
	return list
}

// infoField describes a field: RESP2 has its flags among the pairs.
func (c *conn) infoField(f *field) {
	flags, pairs := f.flags(), 3
	if f.kind != fieldNumeric {
		pairs++
	}
	if c.out.resp3 {
		c.out.mapOf(pairs + 1)
	} else {
		c.out.array(2*pairs + len(flags))
	}
	c.infoText("identifier", f.path)
	c.infoText("attribute", f.name)
	c.infoText("type", f.kind.String())
	switch f.kind {
	case fieldText:
		c.infoDouble("WEIGHT", f.weight)
	case fieldTag:
		separator := ""
		if f.separator != 0 {
			separator = string(rune(f.separator))
		}
		c.infoText("SEPARATOR", separator)
	}
	if c.out.resp3 {
		c.infoWords("flags", flags)
		return
	}
	for _, flag := range flags {
		c.out.simple(flag)
	}
}

func (c *conn) infoSizes(ix *searchIndex) {
	const mb = 1 << 20
	var size indexSize
	for i := range ix.columns {
		size.add(&ix.columns[i], ix.fields[i].kind)
	}
	records, docs := float64(size.records), float64(ix.live)
	inverted := records * 4
	c.infoInt("num_docs", int64(ix.live))
	c.infoInt("max_doc_id", ix.maxDoc)
	c.infoInt("num_terms", size.words)
	c.infoInt("num_records", size.records)
	c.infoDouble("inverted_sz_mb", inverted/mb)
	c.infoDouble("vector_index_sz_mb", 0)
	c.infoInt("total_inverted_index_blocks", size.words+size.tags)
	c.infoDouble("offset_vectors_sz_mb", 0)
	c.infoDouble("doc_table_size_mb", docs*documentBytes/mb)
	c.infoDouble("sortable_values_size_mb", 0)
	c.infoDouble("key_table_size_mb", docs*8/mb)
	c.infoDouble("tag_overhead_sz_mb", float64(size.tags)*120/mb)
	c.infoDouble("text_overhead_sz_mb", float64(size.words)*120/mb)
	c.infoDouble("total_index_memory_sz_mb", (inverted+docs*8+float64(size.tags+size.words)*120+size.numbers*8)/mb)
	c.infoDouble("geoshapes_sz_mb", 0)
	c.infoDouble("records_per_doc_avg", records/docs)
	c.infoDouble("bytes_per_record_avg", inverted/records)
	c.infoDouble("offsets_per_term_avg", 0/records)
	c.infoDouble("offset_bits_per_record_avg", math.NaN())
}

// indexSize adds up what the columns hold.
type indexSize struct {
	words, tags, records int64
	numbers              float64
}

func (s *indexSize) add(col *column, kind fieldKind) {
	switch kind {
	case fieldText:
		s.words += int64(len(col.terms.lists))
	case fieldTag:
		s.tags += int64(len(col.terms.lists))
	case fieldNumeric:
		s.numbers += float64(len(col.numbers))
		for _, v := range col.numbers {
			if !math.IsNaN(v) {
				s.records++
			}
		}
	}
	s.records += col.terms.records
}

func (c *conn) infoProgress(ix *searchIndex) {
	c.infoInt("hash_indexing_failures", ix.faults.count)
	c.infoDouble("total_indexing_time", 0)
	c.infoInt("indexing", 0)
	c.infoDouble("percent_indexed", 1)
	c.infoInt("number_of_uses", ix.uses.Add(1))
	c.infoInt("cleaning", 0)
}

func (c *conn) infoIdle(ix *searchIndex) {
	c.out.simple("gc_stats")
	c.out.mapOf(7)
	for _, name := range []string{"bytes_collected", "total_ms_run", "total_cycles"} {
		c.infoDouble(name, 0)
	}
	c.infoDouble("average_cycle_time_ms", math.NaN())
	for _, name := range []string{"last_run_time_ms", "gc_numeric_trees_missed", "gc_blocks_denied"} {
		c.infoDouble(name, 0)
	}
	c.out.simple("cursor_stats")
	c.out.mapOf(4)
	c.infoInt("global_idle", 0)
	c.infoInt("global_total", 0)
	c.infoInt("index_capacity", 128)
	c.infoInt("index_total", 0)
	if ix.def.stop.own {
		c.out.simple("stopwords_list")
		c.bulks(ix.def.stopList)
	}
	c.out.simple("dialect_stats")
	c.out.mapOf(4)
	for i, name := range []string{"dialect_1", "dialect_2", "dialect_3", "dialect_4"} {
		c.infoInt(name, int64(ix.dialects.Load()>>i&1))
	}
}

func (c *conn) infoFaults(f *indexFaults, whole bool) {
	last, key := notYet, notYet
	if f.count > 0 {
		last, key = f.last, f.key
	}
	if whole {
		c.out.mapOf(4)
	} else {
		c.out.mapOf(3)
	}
	c.infoInt("indexing failures", f.count)
	c.out.simple("last indexing error")
	c.out.simple(last)
	c.out.simple("last indexing error key")
	c.out.bulk(key)
	if whole {
		c.infoText("background indexing status", "OK")
	}
}
