package search

import (
	"math"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
)

// documentBytes is the estimated size of the entry of one document.
const documentBytes = 200

const notYet = "N/A"

// runInfo answers the fields of RediSearch 8.0 in their order. Sizes are
// estimates. What does not exist here (cursors, garbage collection) is zero.
func (m *Module) runInfo(c *keyspace.Session, args [][]byte) {
	c.Store.RLock(0)
	defer c.Store.RUnlock()
	ix := m.findOrFail(c, args[1])
	if ix == nil {
		return
	}
	fields := 34
	if ix.definition.stopWords.isCustom {
		fields++
	}
	c.Out.Map(fields)
	c.Out.NamedText("index_name", ix.name)
	writeInfoWords(c, "index_options", ix.definition.options)
	writeInfoDefinition(c, &ix.definition)
	c.Out.Simple("attributes")
	c.Out.Array(len(ix.fields))
	for i := range ix.fields {
		writeInfoField(c, &ix.fields[i])
	}
	writeInfoSizes(c, ix)
	writeInfoProgress(c, ix)
	writeInfoConstants(c, ix)
	c.Out.Simple("Index Errors")
	writeInfoFailures(c, &ix.failures, true)
	c.Out.Simple("field statistics")
	c.Out.Array(len(ix.fields))
	for i := range ix.fields {
		f := &ix.fields[i]
		c.Out.Map(3)
		c.Out.NamedText("identifier", f.path)
		c.Out.NamedText("attribute", f.name)
		c.Out.Simple("Index Errors")
		writeInfoFailures(c, &f.failures, false)
	}
}

func writeInfoWords(c *keyspace.Session, name string, list []string) {
	c.Out.Simple(name)
	c.Out.Array(len(list))
	for _, word := range list {
		c.Out.Simple(word)
	}
}

func writeInfoDefinition(c *keyspace.Session, def *definition) {
	kind := "HASH"
	if def.isJSON {
		kind = "JSON"
	}
	c.Out.Simple("index_definition")
	c.Out.Map(4) // RediSearch adds a language other than English
	c.Out.NamedText("key_type", kind)
	writeInfoWords(c, "prefixes", def.prefixes)
	c.Out.NamedDouble("default_score", def.score)
	c.Out.NamedText("indexes_all", "false")
}

func (f *field) flags() []string {
	var list []string
	for _, flag := range []struct {
		set  bool
		name string
	}{
		{f.caseSensitive, "CASESENSITIVE"}, {f.sortable, "SORTABLE"}, {f.unnormalized, "UNF"}, {f.noStem, "NOSTEM"}, {f.noIndex, "NOINDEX"}, {f.suffixTrie, "WITHSUFFIXTRIE"},
	} {
		if flag.set {
			list = append(list, flag.name)
		}
	}
	return list
}

// writeInfoField describes a field. In RESP2 its flags are part of the list of
// pairs.
func writeInfoField(c *keyspace.Session, f *field) {
	flags, pairs := f.flags(), 3
	if f.kind != fieldNumeric {
		pairs++
	}
	if c.Out.RESP3 {
		c.Out.Map(pairs + 1)
	} else {
		c.Out.Array(2*pairs + len(flags))
	}
	c.Out.NamedText("identifier", f.path)
	c.Out.NamedText("attribute", f.name)
	c.Out.NamedText("type", f.kind.String())
	switch f.kind {
	case fieldText:
		c.Out.NamedDouble("WEIGHT", f.weight)
	case fieldTag:
		separator := ""
		if f.separator != 0 {
			separator = string(rune(f.separator))
		}
		c.Out.NamedText("SEPARATOR", separator)
	}
	if c.Out.RESP3 {
		writeInfoWords(c, "flags", flags)
		return
	}
	for _, flag := range flags {
		c.Out.Simple(flag)
	}
}

func writeInfoSizes(c *keyspace.Session, ix *index) {
	const mb = 1 << 20
	var size indexSize
	for i := range ix.columns {
		size.add(&ix.columns[i], ix.fields[i].kind)
	}
	records, docs := float64(size.records), float64(ix.keyCount)
	inverted := records * 4
	c.Out.NamedInt("num_docs", int64(ix.keyCount))
	c.Out.NamedInt("max_doc_id", ix.addedKeys)
	c.Out.NamedInt("num_terms", size.words)
	c.Out.NamedInt("num_records", size.records)
	c.Out.NamedDouble("inverted_sz_mb", inverted/mb)
	c.Out.NamedDouble("vector_index_sz_mb", 0)
	c.Out.NamedInt("total_inverted_index_blocks", size.words+size.tags)
	c.Out.NamedDouble("offset_vectors_sz_mb", 0)
	c.Out.NamedDouble("doc_table_size_mb", docs*documentBytes/mb)
	c.Out.NamedDouble("sortable_values_size_mb", 0)
	c.Out.NamedDouble("key_table_size_mb", docs*8/mb)
	c.Out.NamedDouble("tag_overhead_sz_mb", float64(size.tags)*120/mb)
	c.Out.NamedDouble("text_overhead_sz_mb", float64(size.words)*120/mb)
	c.Out.NamedDouble("total_index_memory_sz_mb", (inverted+docs*8+float64(size.tags+size.words)*120+size.numbers*8)/mb)
	c.Out.NamedDouble("geoshapes_sz_mb", 0)
	c.Out.NamedDouble("records_per_doc_avg", records/docs)
	c.Out.NamedDouble("bytes_per_record_avg", inverted/records)
	c.Out.NamedDouble("offsets_per_term_avg", 0/records)
	c.Out.NamedDouble("offset_bits_per_record_avg", math.NaN())
}

// indexSize sums up the sizes of the columns.
type indexSize struct {
	words, tags, records int64
	numbers              float64
}

func (s *indexSize) add(col *column, kind fieldKind) {
	switch kind {
	case fieldText:
		s.words += int64(len(col.vocabulary.lists))
	case fieldTag:
		s.tags += int64(len(col.vocabulary.lists))
	case fieldNumeric:
		s.numbers += float64(len(col.numbers))
		for _, v := range col.numbers {
			if !math.IsNaN(v) {
				s.records++
			}
		}
	}
	s.records += col.vocabulary.records
}

func writeInfoProgress(c *keyspace.Session, ix *index) {
	c.Out.NamedInt("hash_indexing_failures", ix.failures.count)
	c.Out.NamedDouble("total_indexing_time", 0)
	c.Out.NamedInt("indexing", 0)
	c.Out.NamedDouble("percent_indexed", 1)
	c.Out.NamedInt("number_of_uses", ix.useCount.Add(1))
	c.Out.NamedInt("cleaning", 0)
}

func writeInfoConstants(c *keyspace.Session, ix *index) {
	c.Out.Simple("gc_stats")
	c.Out.Map(7)
	for _, name := range []string{"bytes_collected", "total_ms_run", "total_cycles"} {
		c.Out.NamedDouble(name, 0)
	}
	c.Out.NamedDouble("average_cycle_time_ms", math.NaN())
	for _, name := range []string{"last_run_time_ms", "gc_numeric_trees_missed", "gc_blocks_denied"} {
		c.Out.NamedDouble(name, 0)
	}
	c.Out.Simple("cursor_stats")
	c.Out.Map(4)
	c.Out.NamedInt("global_idle", 0)
	c.Out.NamedInt("global_total", 0)
	c.Out.NamedInt("index_capacity", 128)
	c.Out.NamedInt("index_total", 0)
	if ix.definition.stopWords.isCustom {
		c.Out.Simple("stopwords_list")
		c.Out.Bulks(ix.definition.stopWordList)
	}
	c.Out.Simple("dialect_stats")
	c.Out.Map(4)
	for i, name := range []string{"dialect_1", "dialect_2", "dialect_3", "dialect_4"} {
		c.Out.NamedInt(name, int64(ix.dialects.Load()>>i&1))
	}
}

func writeInfoFailures(c *keyspace.Session, f *indexFailures, whole bool) {
	last, key := notYet, notYet
	if f.count > 0 {
		last, key = f.lastText, f.lastKey
	}
	if whole {
		c.Out.Map(4)
	} else {
		c.Out.Map(3)
	}
	c.Out.NamedInt("indexing failures", f.count)
	c.Out.Simple("last indexing error")
	c.Out.Simple(last)
	c.Out.Simple("last indexing error key")
	c.Out.Bulk(key)
	if whole {
		c.Out.NamedText("background indexing status", "OK")
	}
}
