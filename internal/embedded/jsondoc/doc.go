// Package jsondoc implements the commands of RedisJSON that store and read
// documents: JSON.SET, MSET, GET, MGET, DEL, FORGET and TYPE.
//
// In reading order:
//
//	module.go         Module and Document: the limits, and how documents are stored
//	compact.go        a parser that checks a JSON text and writes it in compact form
//	compactstring.go  the strings of it
//	path.go           Path: $, .name, ["name"], [n], [*] and the legacy form
//	walk.go           Children: a walk over compact text
//	edit.go           how a value is replaced, added or removed
//	commands.go       the commands that write, and JSON.TYPE
//	read.go           JSON.GET and JSON.MGET
//	dump.go           COPY, DUMP and RESTORE of documents
//
// A document is its compact text, and a path is a walk over it. So there is
// neither a tree per document nor a JSON library.
//
// Refused with an error that says so: "..", slices and filters in paths, and
// FORMAT EXPAND. The commands on numbers, strings and arrays do not exist.
package jsondoc
