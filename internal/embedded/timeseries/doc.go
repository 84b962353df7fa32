// Package timeseries implements the commands of RedisTimeSeries 8.0.
//
// In reading order:
//
//	module.go     Module: the limits, and how series are created, renamed and deleted
//	series.go     series: samples in chunks, in the order of time
//	chunkpool.go  chunkPool counts the samples of all series and reuses their chunks
//	rule.go       compaction rules, which feed one series from another
//	labels.go     the label index
//	matcher.go    filters such as host=a and core!=(0,1)
//	options.go    the options of TS.CREATE, TS.ADD and their relatives
//	write.go      TS.CREATE, TS.ADD, TS.MADD and all other commands that write
//	query.go      the options of TS.RANGE and TS.MRANGE
//	selection.go  how a query picks and groups samples
//	bucket.go     how samples are aggregated by time bucket
//	aggregate.go  the aggregators
//	read.go       TS.GET, TS.RANGE, TS.MRANGE, TS.QUERYINDEX
//	info.go       TS.INFO
//	dump.go       COPY, DUMP and RESTORE of series
//
// Samples take 16 bytes; there is no compression. ENCODING and CHUNK_SIZE are
// accepted, returned by TS.INFO and otherwise ignored. ADR 0004 lists the
// differences from RedisTimeSeries.
//
// TS.MADD is the path of the agent's data. Nothing in it allocates.
package timeseries
