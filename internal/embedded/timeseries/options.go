package timeseries

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	defaultChunkSize = 4096 // bytes
	// Redis's text has no ERR either.
	errNegativeRetention = resp.Error("TSDB: Couldn't parse RETENTION")
	errRetention         = resp.Error("ERR TSDB: Couldn't parse RETENTION")
	errPolicy            = resp.Error("ERR TSDB: Unknown DUPLICATE_POLICY")
	errChunkSize         = resp.Error("ERR TSDB: CHUNK_SIZE value must be a multiple of 8 in the range [48 .. 1048576]")
	errChunkParse        = resp.Error("ERR TSDB: Couldn't parse CHUNK_SIZE")
	errEncoding          = resp.Error("ERR TSDB: unknown ENCODING parameter")
	errPolicyParse       = resp.Error("ERR TSDB: Couldn't parse DUPLICATE_POLICY")
	errIgnore            = resp.Error("ERR TSDB: Couldn't parse IGNORE")
	errNegativeIgnore    = resp.Error("ERR TSDB: IGNORE arguments cannot be negative")
	errLabels            = resp.Error("ERR TSDB: Couldn't parse LABELS")
	errTimestamp         = resp.Error("ERR TSDB: invalid timestamp")
	errNegativeTimestamp = resp.Error("ERR TSDB: invalid timestamp, must be a nonnegative integer")
	errIncrTimestamp     = resp.Error("TSDB: timestamp must be equal to or higher than the maximum existing timestamp")
	errValue             = resp.Error("ERR TSDB: invalid value")
	errIncrValue         = resp.Error("ERR TSDB: invalid increase/decrease value")
)

// optionSet tells which options a command has. TS.ALTER changes only those.
type optionSet struct{ retention, chunk, policy, ignore, labels bool }

// options are the options of TS.CREATE, TS.ADD, TS.ALTER, TS.INCRBY and
// TS.DECRBY.
type options struct {
	settings settings
	given    optionSet
	labels   [][]byte // name, value, …; a name without a value is dropped
}

// indexOfWord returns the index of the first such word, or -1. Like Redis it
// searches all arguments, even the labels, and ignores unknown ones.
func indexOfWord(args [][]byte, word string) int {
	for i, a := range args {
		if resp.IsWord(a, word) {
			return i
		}
	}
	return -1
}

// parseOptions checks the options in the order of Redis, which decides which of
// several errors is answered.
func parseOptions(args [][]byte) (options, resp.Error) {
	o := options{settings: settings{chunkSize: defaultChunkSize, policy: policyBlock}}
	for _, take := range [...]func(*options, [][]byte) resp.Error{
		(*options).takeLabels, (*options).takeRetention, (*options).takeChunkSize, (*options).takeEncoding, (*options).takePolicy, (*options).takeIgnore,
	} {
		if err := take(&o, args); err != "" {
			return o, err
		}
	}
	return o, ""
}

// argumentsAfter returns the arguments after the keyword of an option, and
// whether the option exists.
func argumentsAfter(args [][]byte, word string) ([][]byte, bool) {
	i := indexOfWord(args, word)
	if i < 0 {
		return nil, false
	}
	return args[i+1:], true
}

func (o *options) takeRetention(args [][]byte) resp.Error {
	args, o.given.retention = argumentsAfter(args, "RETENTION")
	if !o.given.retention {
		return ""
	}
	if len(args) == 0 {
		return errRetention
	}
	n, ok := resp.ParseInt(args[0])
	if !ok || n > keyspace.MaxTimestamp {
		return errRetention
	}
	if n < 0 {
		return errNegativeRetention
	}
	o.settings.retention = n
	return ""
}

func (o *options) takeChunkSize(args [][]byte) resp.Error {
	args, o.given.chunk = argumentsAfter(args, "CHUNK_SIZE")
	if !o.given.chunk {
		return ""
	}
	if len(args) == 0 {
		return errChunkParse
	}
	n, ok := resp.ParseInt(args[0])
	if !ok {
		return errChunkParse
	}
	if !isChunkSize(n) {
		return errChunkSize
	}
	o.settings.chunkSize = n
	return ""
}

func isChunkSize(n int64) bool { return n >= 48 && n <= 1<<20 && n%8 == 0 }

// takeEncoding also accepts the old UNCOMPRESSED without ENCODING. ENCODING takes
// precedence.
func (o *options) takeEncoding(args [][]byte) resp.Error {
	val, found := argumentsAfter(args, "ENCODING")
	switch {
	case !found && indexOfWord(args, "UNCOMPRESSED") >= 0:
		o.settings.encoding = encodingUncompressed
	case !found:
	case len(val) == 0:
		return keyspace.ErrArity
	case resp.IsWord(val[0], "COMPRESSED"):
		o.settings.encoding = encodingCompressed
	case resp.IsWord(val[0], "UNCOMPRESSED"):
		o.settings.encoding = encodingUncompressed
	default:
		return errEncoding
	}
	return ""
}

func (o *options) takePolicy(args [][]byte) (err resp.Error) {
	if args, o.given.policy = argumentsAfter(args, "DUPLICATE_POLICY"); o.given.policy {
		o.settings.policy, err = parsePolicy(args)
	}
	return err
}

func (o *options) takeIgnore(args [][]byte) resp.Error {
	args, o.given.ignore = argumentsAfter(args, "IGNORE")
	if !o.given.ignore {
		return ""
	}
	if len(args) < 2 {
		return errIgnore
	}
	diff, ok := resp.ParseInt(args[0])
	val, okVal := resp.ParseDouble(args[1])
	if !ok || !okVal {
		return errIgnore
	}
	if diff < 0 || val < 0 {
		return errNegativeIgnore
	}
	o.settings.ignoreTime, o.settings.ignoreValue = diff, val
	return ""
}

// takeLabels reads all arguments after LABELS as labels, other options too.
func (o *options) takeLabels(args [][]byte) resp.Error {
	args, o.given.labels = argumentsAfter(args, "LABELS")
	args = args[:len(args)&^1]
	for i, a := range args {
		if len(a) == 0 || i%2 == 1 && !isLabelValue(a) {
			return errLabels
		}
	}
	o.labels = args
	return ""
}

// isLabelValue reports whether a label may have a value.
func isLabelValue(value []byte) bool { return len(value) > 0 && !bytes.ContainsAny(value, "(),") }

// parseOnDuplicate returns the policy that TS.ADD has for its sample,
// policyUnset if it has none.
func parseOnDuplicate(args [][]byte) (policy, resp.Error) {
	args, found := argumentsAfter(args, "ON_DUPLICATE")
	if !found {
		return policyUnset, ""
	}
	return parsePolicy(args)
}

func parsePolicy(args [][]byte) (policy, resp.Error) {
	if len(args) == 0 {
		return policyUnset, errPolicyParse
	}
	for p := policyBlock; p <= policySum; p++ {
		if resp.IsWord(args[0], p.name()) {
			return p, ""
		}
	}
	return policyUnset, errPolicy
}

func (p policy) name() string {
	return [...]string{"", "BLOCK", "FIRST", "LAST", "MIN", "MAX", "SUM"}[p]
}

// parseTimestamp parses the time of a sample in Unix milliseconds; "*" is now.
func (m *Module) parseTimestamp(b []byte) (int64, resp.Error) {
	if len(b) == 1 && b[0] == '*' {
		return m.store.NowMillis(), ""
	}
	ts, ok := resp.ParseInt(b)
	if !ok || ts > keyspace.MaxTimestamp {
		return 0, errTimestamp
	}
	if ts < 0 {
		return 0, errNegativeTimestamp
	}
	return ts, ""
}
