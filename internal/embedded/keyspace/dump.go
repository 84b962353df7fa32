package keyspace

import (
	"encoding/binary"
	"hash/crc64"
	"math"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// The payload of DUMP is a type tag, what Value.AppendDump wrote, a version and a
// checksum. It has the layout of Redis's payloads but another version and
// another polynomial, so that both servers refuse the payloads of the other.
const (
	dumpVersion      = 0xFE01
	dumpVersionBytes = 2
	dumpTrailerBytes = dumpVersionBytes + 8

	// maxDumpBytes leaves room for the other arguments of RESTORE.
	maxDumpBytes = resp.MaxCommandBytes - 1<<16

	errBadPayload = resp.Error("ERR DUMP payload version or checksum are wrong")
	errBadFormat  = resp.Error("ERR Bad data format")
	errBusyKey    = resp.Error("BUSYKEY Target key name already exists.")
)

var dumpChecksums = crc64.MakeTable(crc64.ECMA)

func runDump(s *Session, d *Database, args [][]byte) {
	v := d.Get(args[1])
	if v == nil {
		s.Out.Null()
		return
	}
	var e Encoder
	e.append(v.TypeTag())
	v.AppendDump(&e)
	if e.full {
		s.Fail(resp.ErrReplyTooLong)
		return
	}
	payload := binary.LittleEndian.AppendUint16(e.buf, dumpVersion)
	s.Out.BulkBytes(binary.LittleEndian.AppendUint64(payload, crc64.Checksum(payload, dumpChecksums)))
}

// restoreOptions are the options of RESTORE. IDLETIME and FREQ are checked and
// ignored, because nothing is ever evicted here.
type restoreOptions struct{ replace, absoluteTTL bool }

func parseRestoreOptions(args [][]byte) (o restoreOptions, err resp.Error) {
	hasIdle, hasFrequency := false, false
	for ; len(args) > 0; args = args[1:] {
		switch {
		case resp.IsWord(args[0], "REPLACE"):
			o.replace = true
		case resp.IsWord(args[0], "ABSTTL"):
			o.absoluteTTL = true
		case resp.IsWord(args[0], "IDLETIME") && len(args) > 1 && !hasFrequency:
			n, ok := resp.ParseInt(args[1])
			if !ok {
				return o, resp.ErrNotInteger
			}
			if n < 0 {
				return o, "ERR Invalid IDLETIME value, must be >= 0"
			}
			hasIdle, args = true, args[1:]
		case resp.IsWord(args[0], "FREQ") && len(args) > 1 && !hasIdle:
			n, ok := resp.ParseInt(args[1])
			if !ok {
				return o, resp.ErrNotInteger
			}
			if n < 0 || n > 255 {
				return o, "ERR Invalid FREQ value, must be >= 0 and <= 255"
			}
			hasFrequency, args = true, args[1:]
		default:
			return o, resp.ErrSyntax
		}
	}
	return o, ""
}

// runRestore checks its arguments in the order of Redis.
func runRestore(s *Session, d *Database, args [][]byte) {
	key := string(args[1])
	o, err := parseRestoreOptions(args[4:])
	if s.Fail(err) {
		return
	}
	if !o.replace && d.Exists(args[1]) {
		s.Fail(errBusyKey)
		return
	}
	deadline, ok := resp.ParseInt(args[2])
	switch {
	case !ok:
		s.Fail(resp.ErrNotInteger)
		return
	case deadline < 0 || deadline > MaxTimestamp:
		s.Fail("ERR Invalid TTL value, must be >= 0")
		return
	}
	v, err := s.Store.load(args[3])
	if s.Fail(err) || s.Fail(v.Admit(key)) {
		return
	}
	if deadline != 0 && !o.absoluteTTL {
		deadline += s.Store.NowMillis()
	}
	if deadline != 0 && deadline <= s.Store.NowMillis() {
		d.Delete(key)
		s.Out.OK()
		return
	}
	d.Put(key, v)
	d.SetDeadline(key, deadline)
	s.Store.SignalWrite()
	s.Out.OK()
}

// load decodes a payload of DUMP.
func (s *Store) load(payload []byte) (Value, resp.Error) {
	end := len(payload) - dumpTrailerBytes
	if end < 1 {
		return nil, errBadPayload
	}
	checked := payload[:end+dumpVersionBytes]
	if binary.LittleEndian.Uint16(payload[end:]) != dumpVersion ||
		binary.LittleEndian.Uint64(payload[end+dumpVersionBytes:]) != crc64.Checksum(checked, dumpChecksums) {
		return nil, errBadPayload
	}
	load := s.loaders[payload[0]]
	if load == nil {
		return nil, errBadFormat
	}
	decoder := Decoder{rest: payload[1:end]}
	v := load(&decoder)
	switch {
	case decoder.exceeded:
		return nil, resp.ErrOOM
	case v == nil || !decoder.Finished():
		return nil, errBadFormat
	}
	return v, ""
}

// Encoder writes the content of a value for DUMP. It stops at the size of the
// largest command, which RESTORE could not receive.
type Encoder struct {
	buf  []byte
	full bool
}

func (e *Encoder) append(b ...byte) {
	if e.full || len(e.buf)+len(b) > maxDumpBytes {
		e.full = true
		return
	}
	e.buf = append(e.buf, b...)
}

// Uint writes an unsigned number.
func (e *Encoder) Uint(n uint64) {
	var b [binary.MaxVarintLen64]byte
	e.append(b[:binary.PutUvarint(b[:], n)]...)
}

// Int writes a signed number.
func (e *Encoder) Int(n int64) {
	var b [binary.MaxVarintLen64]byte
	e.append(b[:binary.PutVarint(b[:], n)]...)
}

// Float writes a number in eight bytes.
func (e *Encoder) Float(v float64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], math.Float64bits(v))
	e.append(b[:]...)
}

// Bytes writes a string and its length.
func (e *Encoder) Bytes(b []byte) {
	e.Uint(uint64(len(b)))
	e.append(b...)
}

// String writes a string and its length.
func (e *Encoder) String(s string) { e.Bytes([]byte(s)) }

// Decoder reads what an Encoder wrote. After the first mistake it returns zero
// values, and Finished returns false. It allocates nothing.
type Decoder struct {
	rest     []byte
	elements int64 // how many elements may follow
	bad      bool
	exceeded bool // there were more elements
}

// LimitElements sets how many elements all following calls of Count may return
// together. Without it Count returns 0. An element takes more memory than its
// bytes in the payload, so a loader must not accept more than its limits allow.
func (d *Decoder) LimitElements(n int64) { d.elements = n }

// Reject marks the input as invalid.
func (d *Decoder) Reject() { d.rest, d.bad = nil, true }

// Finished reports whether all input was read and none of it was invalid.
func (d *Decoder) Finished() bool { return !d.bad && len(d.rest) == 0 }

// Uint reads an unsigned number.
func (d *Decoder) Uint() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.Reject()
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

// Int reads a signed number.
func (d *Decoder) Int() int64 {
	n, size := binary.Varint(d.rest)
	if size <= 0 {
		d.Reject()
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

// Float reads a number of eight bytes.
func (d *Decoder) Float() float64 {
	if len(d.rest) < 8 {
		d.Reject()
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(d.rest))
	d.rest = d.rest[8:]
	return v
}

// Bytes reads a string, which is a part of the payload.
func (d *Decoder) Bytes() []byte {
	n := d.Uint()
	if n > uint64(len(d.rest)) {
		d.Reject()
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// Count reads the number of the elements that follow. It rejects a number that
// cannot be right, because each element takes at least minBytes, and one beyond
// the limit.
func (d *Decoder) Count(minBytes int) int {
	n := d.Uint()
	if n > uint64(len(d.rest)/minBytes) {
		d.Reject()
		return 0
	}
	if d.elements -= int64(n); d.elements < 0 {
		d.exceeded = true
		d.Reject()
		return 0
	}
	return int(n)
}
