// Package keyspace holds the databases of the embedded server: keys with values
// of any type, their times to live, and the clients that watch them.
//
// In reading order:
//
//	store.go      Store: all databases behind one read-write lock
//	database.go   Database: the keys of one database
//	value.go      Value: what the packages of the value types implement
//	observer.go   Observer: how the search indexes learn about changes
//	deadline.go   a heap of the times at which keys expire
//	watch.go      Watch: what WATCH remembers for a client
//	wait.go       how blocked clients learn about writes
//	command.go    Command and Session: what a command is and what it gets
//	keys.go       commands for keys of any type: DEL, TYPE, SCAN, RENAME, COPY…
//	expire.go     EXPIRE, TTL and their relatives
//	dump.go       DUMP and RESTORE, and the encoding that values use for them
//	glob.go       the patterns of KEYS, SCAN and PSUBSCRIBE
//
// The package knows no value type. The packages datatypes, timeseries and
// jsondoc add theirs by implementing Value and by registering a loader for
// RESTORE.
package keyspace
