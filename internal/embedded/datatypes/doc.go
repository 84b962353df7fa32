// Package datatypes implements the basic types of Redis: strings, hashes, lists,
// sets, sorted sets and streams, with their commands.
//
// In reading order:
//
//	module.go        Module: the limit on memory, and how commands find and store values
//	compactmap.go    a map that gives memory back
//	deque.go         a list that grows and shrinks at both ends
//	scan.go          the arguments of HSCAN, SSCAN and ZSCAN, and index ranges
//	strings.go       strings, bits and counters
//	hashes.go        hashes
//	lists.go         lists, with BLPOP and BRPOP
//	sets.go          sets
//	sortedset.go     the order of a sorted set
//	sortedsets.go    the commands of sorted sets
//	stream.go        the entries of a stream
//	streams.go       the commands of streams
//	streamgroups.go  consumer groups
//	timeout.go       the timeout of blocking commands
//	dump.go          what DUMP and RESTORE write and read
//
// Differences from Redis: HSCAN, SSCAN and ZSCAN answer everything at once.
// Hashes and sets are answered in alphabetical order. INCRBYFLOAT computes with
// 64 bits. XTRIM trims exactly, also with "~". Strings hold at most 32 MB. ADR
// 0004 lists the commands that are missing.
//
// The memory of values is estimated in constant time, and a write that could
// exceed the limit answers OOM.
package datatypes
