// Package search implements the commands of RediSearch that an index over log
// lines uses: FT.CREATE, ALTER, DROPINDEX, INFO, SEARCH, AGGREGATE, TAGVALS and
// the aliases.
//
// In reading order:
//
//	module.go       Module: the indexes, and how they follow changes of keys
//	index.go        index: fields, slots and columns
//	vocabulary.go   the words or tags of a field, with the slots that have them
//	bitset.go       a set of slots
//	words.go        how texts are split into words and values into tags
//	gather.go       how the values of a key are read and checked
//	arguments.go    a reader of command arguments
//	create.go       the schema and the options of FT.CREATE
//	admin.go        FT.CREATE, FT.ALTER, FT.DROPINDEX, aliases, FT.TAGVALS
//	info.go         FT.INFO
//	lexer.go        a query becomes tokens
//	parser.go       tokens become a tree of nodes
//	parsefields.go  the parts of a query that name fields
//	parsewords.go   words, words with stars, phrases
//	evaluate.go     which slots a tree matches
//	value.go        the values of keys, for sorting and for replies
//	sort.go         the order of results
//	request.go      the options of FT.SEARCH and FT.AGGREGATE
//	search.go       FT.SEARCH
//	stages.go       the stages of FT.AGGREGATE
//	aggregate.go    how FT.AGGREGATE runs them
//
// An index gives each key a slot. Words and tags have lists of slots; numbers are
// a column by slot, which also sorts. A query is a few passes over sets of bits.
//
// Queries are in dialect 2, also without DIALECT. A RediSearch with the setting
// DEFAULT_DIALECT 2 does the same.
//
// Differences from RediSearch: words are not stemmed, and results have no score,
// so the oldest comes first without SORTBY. A prefix finds all its words.
//
// Refused with an error that says so: all other dialects, the field types GEO,
// VECTOR and GEOSHAPE, INDEXEMPTY, INDEXMISSING, PHONETIC, FILTER, TEMPORARY,
// languages except English, fuzzy words, query attributes, cursors, APPLY,
// scores, highlighting, INKEYS, INFIELDS and SLOP.
package search
