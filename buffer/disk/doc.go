// Package disk keeps what waits for an output in files, so that an outage that is longer than the memory lasts, or the end of the
// process, loses nothing. See docs/adr/0036-disk-buffer.md.
//
// A [Store] is the folder of an agent. It holds a [Queue] for each output and kind of data, which is a row of segments: files to which
// records are appended, and which are deleted when everything in them is settled.
//
//   - store.go: the folder, its lock and the limit of its size. lock_unix.go and lock_windows.go: the lock.
//   - queue.go: append, take, settle. Data becomes records and back through a [Codec].
//   - segments.go: the segments of one queue on the disk. read.go: reading them in order. format.go: the bytes of a segment.
//   - samples.go, events.go: what a record holds. scan.go: reading untrusted bytes.
//
// # Guarantees
//
// What [Queue.Append] has not returned is synced to the disk and will be delivered, whenever the process ends. Nothing else is ever
// delivered: a record is read completely and with the right checksum, or not at all. The order of appending is the order of reading.
// After a crash, what was delivered and not yet settled is delivered once more.
package disk
