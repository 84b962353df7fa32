package embedded

import "bytes"

const (
	// The missing ERR is Redis' own.
	errNegativeRetention = replyError("TSDB: Couldn't parse RETENTION")
	errRetention         = replyError("ERR TSDB: Couldn't parse RETENTION")
	errPolicy            = replyError("ERR TSDB: Unknown DUPLICATE_POLICY")
	errChunkSize         = replyError("ERR TSDB: CHUNK_SIZE value must be a multiple of 8 in the range [48 .. 1048576]")
	errChunkParse        = replyError("ERR TSDB: Couldn't parse CHUNK_SIZE")
	errEncoding          = replyError("ERR TSDB: unknown ENCODING parameter")
	errEncodingParse     = replyError("ERR TSDB: Couldn't parse ENCODING")
	errIgnore            = replyError("ERR TSDB: Couldn't parse IGNORE")
	errLabels            = replyError("ERR TSDB: Couldn't parse LABELS")
	errTimestamp         = replyError("ERR TSDB: invalid timestamp")
	errNegativeTimestamp = replyError("ERR TSDB: invalid timestamp, must be a nonnegative integer")
	errIncrTimestamp     = replyError("TSDB: timestamp must be equal to or higher than the maximum existing timestamp")
	errValue             = replyError("ERR TSDB: invalid value")
	errIncrValue         = replyError("ERR TSDB: invalid increase/decrease value")
)

// given says which options a command carried: TS.ALTER changes only those.
type given struct{ retention, chunk, encoding, policy, ignore, labels bool }

// options are what may follow the fixed arguments of TS.CREATE, TS.ADD,
// TS.ALTER, TS.INCRBY and TS.DECRBY.
type options struct {
	set         settings
	has         given
	onDuplicate policy
	timestamp   []byte   // TS.INCRBY … TIMESTAMP
	labels      [][]byte // name, value, …; an odd one at the end is dropped
}

func is(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range len(b) {
		c := b[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// parseOptions passes over words it does not know, as Redis does.
func parseOptions(args [][]byte) (options, replyError) {
	o := options{set: settings{chunkSize: defaultChunk, policy: defaultPolicy}}
	for i := 0; i < len(args); i++ {
		var val []byte
		if i+1 < len(args) {
			val = args[i+1]
		}
		used, err := 1, replyError("")
		switch a := args[i]; {
		case is(a, "RETENTION"):
			o.has.retention, err = true, o.retention(val)
		case is(a, "CHUNK_SIZE"):
			o.has.chunk, err = true, o.chunk(val)
		case is(a, "ENCODING"):
			o.has.encoding, err = true, o.encoding(val)
		case is(a, "COMPRESSED"):
			o.has.encoding, o.set.encoding, used = true, encodingCompressed, 0
		case is(a, "UNCOMPRESSED"):
			o.has.encoding, o.set.encoding, used = true, encodingUncompressed, 0
		case is(a, "DUPLICATE_POLICY"):
			o.has.policy = true
			o.set.policy, err = parsePolicy(val)
		case is(a, "ON_DUPLICATE"):
			o.onDuplicate, err = parsePolicy(val)
		case is(a, "TIMESTAMP"):
			o.timestamp = val
		case is(a, "IGNORE"):
			used, err = 2, o.ignore(args[i+1:])
		case is(a, "LABELS"):
			return o, o.takeLabels(args[i+1:])
		default:
			used = 0
		}
		if err != "" {
			return o, err
		}
		i += used
	}
	return o, ""
}

func (o *options) retention(b []byte) replyError {
	n, ok := parseInt(b)
	if !ok || n > maxTimestamp {
		return errRetention
	}
	if n < 0 {
		return errNegativeRetention
	}
	o.set.retention = n
	return ""
}

func (o *options) chunk(b []byte) replyError {
	n, ok := parseInt(b)
	if !ok {
		return errChunkParse
	}
	if n < 48 || n > 1<<20 || n%8 != 0 {
		return errChunkSize
	}
	o.set.chunkSize = n
	return ""
}

func (o *options) encoding(b []byte) replyError {
	switch {
	case b == nil:
		return errEncodingParse
	case is(b, "COMPRESSED"):
		o.set.encoding = encodingCompressed
	case is(b, "UNCOMPRESSED"):
		o.set.encoding = encodingUncompressed
	default:
		return errEncoding
	}
	return ""
}

func (o *options) ignore(args [][]byte) replyError {
	if len(args) < 2 {
		return errIgnore
	}
	diff, ok := parseInt(args[0])
	val, okVal := parseValue(args[1])
	if !ok || !okVal || diff < 0 || val < 0 {
		return errIgnore
	}
	o.has.ignore, o.set.ignoreTime, o.set.ignoreVal = true, diff, val
	return ""
}

// takeLabels reads everything behind LABELS. go-redis puts IGNORE behind the
// labels; its two numbers at the very end tell it from a label of that name.
func (o *options) takeLabels(args [][]byte) replyError {
	o.has.labels = true
	if n := len(args); n >= 3 && n%2 == 1 && is(args[n-3], "IGNORE") {
		if o.ignore(args[n-2:]) == "" {
			args = args[:n-3]
		}
	}
	args = args[:len(args)&^1]
	for i, a := range args {
		if len(a) == 0 || i%2 == 1 && bytes.ContainsAny(a, "(),") {
			return errLabels
		}
	}
	o.labels = args
	return ""
}

func parsePolicy(b []byte) (policy, replyError) {
	for p := policyBlock; p <= policySum; p++ {
		if is(b, p.word()) {
			return p, ""
		}
	}
	return policyUnset, errPolicy
}

func (p policy) word() string {
	return [...]string{"", "BLOCK", "FIRST", "LAST", "MIN", "MAX", "SUM"}[p]
}

// timestamp reads a sample's time in Unix ms; "*" is now.
func (st *store) timestamp(b []byte) (int64, replyError) {
	if len(b) == 1 && b[0] == '*' {
		return st.nowMillis(), ""
	}
	ts, ok := parseInt(b)
	if !ok || ts > maxTimestamp {
		return 0, errTimestamp
	}
	if ts < 0 {
		return 0, errNegativeTimestamp
	}
	return ts, ""
}
