// Package redistimeseries writes samples into RedisTimeSeries. Every combination of metric and labels is one Redis key, which
// is created once and then receives samples through TS.MADD.
//
// # Life of a series
//
//  1. The first sample of a series arrives in [Writer.WriteMetrics]. The series has no memo of this output, so it is unknown.
//  2. collect makes a target for it: its key, its labels and its definition (retention, chunk size, compactions …).
//  3. settle sends TS.CREATE. If the key exists, TS.INFO says what it holds: the series itself from an earlier run, whose
//     settings TS.ALTER updates if they differ, or a series with other labels. In the latter case place repeats this with the
//     alternative key, "<key>~<hash>".
//  4. ensureCompactions creates the compacted series and their rules in the same way.
//  5. expire sets when the keys of an ephemeral series expire. It renews that while the series is written.
//  6. The series is ready. Its entry, in the memo slot, holds the encoded key, so every later sample costs one look at the memo
//     and an append to the command.
//  7. A reply says that the series is gone, because the server was emptied, evicts keys, or let it expire. The entry becomes
//     unknown, and the same write starts again at 2.
//  8. The series ends. expire sets the expiry a last time, and forgetEnded frees the entry. The keys of permanent series stay.
//
// A series that Redis refuses is tried again every minute, and after every failed write. Until then its samples are rejected.
//
// # Life of a write
//
// A write numbers its samples and keeps a verdict for each (sampleList). ensure takes the series through the steps above. A
// request per server encodes the open samples and records a verdict for each reply. Samples whose series are gone, or whose
// cluster slot has moved, stay unsettled, and the write starts again for them. What the agent is told follows from the verdicts:
// how many samples are settled, from the first one on, and which of these were rejected.
//
// The liveness sample is the first sample of every write. It shows which hosts are alive, and whether a server that refuses to
// create series still accepts samples.
//
// # Files, in reading order
//
//   - plugin.go: the configuration, and the Writer from New to Close
//   - settings.go: the settings of series, overrides and compactions
//   - definition.go: settings → the options of a series
//   - write.go: one write, from batches to an error
//   - samples.go: the samples of a write and their verdicts
//   - ensure.go: series → keys that exist
//   - compactions.go: compacted series and their rules
//   - expiry.go: keys of ephemeral series expire
//   - request.go: samples → servers, replies → verdicts
//   - encode.go: samples → TS.MADD
//   - info.go, replies.go: what servers answer
//   - evictions.go, hostmark.go: warnings about evicted series, and about a second agent with the same host name
//   - inspect.go: what "check" says about memory and the server
//
// Why it works like this: docs/adr/0002 (bytes, keys), 0008 (memory), 0009 (clusters) and 0015 (bad links).
package redistimeseries
