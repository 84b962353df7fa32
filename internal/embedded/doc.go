// Package embedded is a Redis server inside this process. It answers the
// commands of RedisTimeSeries, those of RedisJSON and RediSearch that log lines
// need, and the basic ones that clients and people use. Its data is lost on
// exit, its memory is bounded, and it is meant for demos, tests and a single
// device. ADR 0004 says why it exists and what it refuses.
//
// The packages, from the ground up:
//
//	resp        commands are read, replies are written
//	keyspace    databases: keys of any type, expiry, DUMP and RESTORE
//	datatypes   strings, hashes, lists, sets, sorted sets and streams
//	timeseries  RedisTimeSeries
//	jsondoc     RedisJSON
//	search      RediSearch, on documents and hashes
//	embedded    the server: connections, transactions, publish and subscribe
//
// For tests, resptest is a client that shows replies with their types, and
// embeddedtest starts a server.
//
// This package, in reading order:
//
//	config.go       Config and Stats
//	server.go       Listen, Server
//	conn.go         one client: reading, running and answering its commands
//	push.go         messages that a client gets without asking
//	commands.go     the table of all commands
//	auth.go         HELLO, AUTH
//	transaction.go  MULTI, EXEC, WATCH
//	pubsub.go       SUBSCRIBE, PUBLISH
//	wait.go         blocking commands
//	client.go       CLIENT
//	connection.go   PING, SELECT, QUIT and other small commands
//	info.go         INFO, COMMAND, CONFIG, MODULE
//
// Locks are taken in this order. Server.serial lets EXEC run alone. The store's
// read-write lock makes each command atomic. The locks of connections and
// subscriptions are held for moments only.
package embedded
