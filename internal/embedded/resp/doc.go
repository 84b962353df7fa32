// Package resp reads commands from Redis clients and writes replies to them,
// in both versions of the Redis serialization protocol ("RESP protocol
// specification", redis.io).
//
// In reading order:
//
//	reader.go    Reader splits a byte stream into commands: arrays of bulk strings
//	inline.go    the same for lines that a person types over netcat
//	writer.go    Writer encodes replies for RESP2 and RESP3
//	error.go     Error, the text of an error reply, and texts that many commands share
//	number.go    the number formats of Redis, parsed and written
//	word.go      comparison of arguments with keywords
//	budget.go    Budget bounds the memory of all clients' buffers together
//
// The package bounds every length that a client declares before it allocates
// memory. It knows nothing about keys or commands.
package resp
