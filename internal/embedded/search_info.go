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
	c.out.Map(fields)
	c.out.NamedText("index_name", ix.name)
	c.infoWords("index_options", ix.def.options)
	c.infoDefinition(&ix.def)
	c.out.Simple("attributes")
	c.out.Array(len(ix.fields))
	for i := range ix.fields {
		c.infoField(&ix.fields[i])
	}
	c.infoSizes(ix)
	c.infoProgress(ix)
	c.infoIdle(ix)
	c.out.Simple("Index Errors")
	c.infoFaults(&ix.faults, true)
	c.out.Simple("field statistics")
	c.out.Array(len(ix.fields))
	for i := range ix.fields {
		f := &ix.fields[i]
		c.out.Map(3)
		c.out.NamedText("identifier", f.path)
		c.out.NamedText("attribute", f.name)
		c.out.Simple("Index Errors")
		c.infoFaults(&f.faults, false)
	}
}

func (c *conn) infoWords(name string, list []string) {
	c.out.Simple(name)
	c.out.Array(len(list))
	for _, word := range list {
		c.out.Simple(word)
	}
}

func (c *conn) infoDefinition(def *definition) {
	kind := "HASH"
	if def.json {
		kind = "JSON"
	}
	c.out.Simple("index_definition")
	c.out.Map(4) // RediSearch tells the language when it is not English
	c.out.NamedText("key_type", kind)
	c.infoWords("prefixes", def.prefixes)
	c.out.NamedDouble("default_score", def.score)
	c.out.NamedText("indexes_all", "false")
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
	if c.out.RESP3 {
		c.out.Map(pairs + 1)
	} else {
		c.out.Array(2*pairs + len(flags))
	}
	c.out.NamedText("identifier", f.path)
	c.out.NamedText("attribute", f.name)
	c.out.NamedText("type", f.kind.String())
	switch f.kind {
	case fieldText:
		c.out.NamedDouble("WEIGHT", f.weight)
	case fieldTag:
		separator := ""
		if f.separator != 0 {
			separator = string(rune(f.separator))
		}
		c.out.NamedText("SEPARATOR", separator)
	}
	if c.out.RESP3 {
		c.infoWords("flags", flags)
		return
	}
	for _, flag := range flags {
		c.out.Simple(flag)
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
	c.out.NamedInt("num_docs", int64(ix.live))
	c.out.NamedInt("max_doc_id", ix.maxDoc)
	c.out.NamedInt("num_terms", size.words)
	c.out.NamedInt("num_records", size.records)
	c.out.NamedDouble("inverted_sz_mb", inverted/mb)
	c.out.NamedDouble("vector_index_sz_mb", 0)
	c.out.NamedInt("total_inverted_index_blocks", size.words+size.tags)
	c.out.NamedDouble("offset_vectors_sz_mb", 0)
	c.out.NamedDouble("doc_table_size_mb", docs*documentBytes/mb)
	c.out.NamedDouble("sortable_values_size_mb", 0)
	c.out.NamedDouble("key_table_size_mb", docs*8/mb)
	c.out.NamedDouble("tag_overhead_sz_mb", float64(size.tags)*120/mb)
	c.out.NamedDouble("text_overhead_sz_mb", float64(size.words)*120/mb)
	c.out.NamedDouble("total_index_memory_sz_mb", (inverted+docs*8+float64(size.tags+size.words)*120+size.numbers*8)/mb)
	c.out.NamedDouble("geoshapes_sz_mb", 0)
	c.out.NamedDouble("records_per_doc_avg", records/docs)
	c.out.NamedDouble("bytes_per_record_avg", inverted/records)
	c.out.NamedDouble("offsets_per_term_avg", 0/records)
	c.out.NamedDouble("offset_bits_per_record_avg", math.NaN())
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
	c.out.NamedInt("hash_indexing_failures", ix.faults.count)
	c.out.NamedDouble("total_indexing_time", 0)
	c.out.NamedInt("indexing", 0)
	c.out.NamedDouble("percent_indexed", 1)
	c.out.NamedInt("number_of_uses", ix.uses.Add(1))
	c.out.NamedInt("cleaning", 0)
}

func (c *conn) infoIdle(ix *searchIndex) {
	c.out.Simple("gc_stats")
	c.out.Map(7)
	for _, name := range []string{"bytes_collected", "total_ms_run", "total_cycles"} {
		c.out.NamedDouble(name, 0)
	}
	c.out.NamedDouble("average_cycle_time_ms", math.NaN())
	for _, name := range []string{"last_run_time_ms", "gc_numeric_trees_missed", "gc_blocks_denied"} {
		c.out.NamedDouble(name, 0)
	}
	c.out.Simple("cursor_stats")
	c.out.Map(4)
	c.out.NamedInt("global_idle", 0)
	c.out.NamedInt("global_total", 0)
	c.out.NamedInt("index_capacity", 128)
	c.out.NamedInt("index_total", 0)
	if ix.def.stop.own {
		c.out.Simple("stopwords_list")
		c.out.Bulks(ix.def.stopList)
	}
	c.out.Simple("dialect_stats")
	c.out.Map(4)
	for i, name := range []string{"dialect_1", "dialect_2", "dialect_3", "dialect_4"} {
		c.out.NamedInt(name, int64(ix.dialects.Load()>>i&1))
	}
}

func (c *conn) infoFaults(f *indexFaults, whole bool) {
	last, key := notYet, notYet
	if f.count > 0 {
		last, key = f.last, f.key
	}
	if whole {
		c.out.Map(4)
	} else {
		c.out.Map(3)
	}
	c.out.NamedInt("indexing failures", f.count)
	c.out.Simple("last indexing error")
	c.out.Simple(last)
	c.out.Simple("last indexing error key")
	c.out.Bulk(key)
	if whole {
		c.out.NamedText("background indexing status", "OK")
	}
}
