package resp

// Error is the text of an error reply. Its first word is the code: "ERR", "OOM",
// "WRONGTYPE". The empty Error means success. It is a string so that one error
// per sample of a command costs no allocation.
type Error string

// Error returns the text.
func (e Error) Error() string { return string(e) }

// Texts that commands of several packages answer, as Redis has them.
const (
	ErrSyntax     = Error("ERR syntax error")
	ErrNotInteger = Error("ERR value is not an integer or out of range")
	ErrNotFloat   = Error("ERR value is not a valid float")
	ErrWrongType  = Error("WRONGTYPE Operation against a key holding the wrong kind of value")
	ErrOOM        = Error("OOM command not allowed when used memory > 'maxmemory'.")
	ErrNoSuchKey  = Error("ERR no such key")
	ErrDBIndex    = Error("ERR DB index is out of range")

	// ErrReplyTooLong is not a text of Redis, which has no such limit.
	ErrReplyTooLong = Error("ERR the reply would be too large, ask for less at once")
)
