package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A segment is a header and records. All numbers are little-endian. The first 12 bytes of the header are the same in every
// version, so that an older program recognizes the segments of a newer one.
//
//	header: magic (8), version (4), kind (4), time of creation in Unix milliseconds (8), CRC32C of these 24 bytes (4)
//	record: length of the payload (4), samples or events in it (4), CRC32C of the payload (4), CRC32C of these 12 bytes (4), payload
//
// The record's header has a checksum of its own, so that a wrong length is noticed, and records can be counted without reading them.
const (
	magic        = "rtcbufr\n"
	version      = 1
	headerSize   = 28
	recordHeader = 16

	// maxPayload is the largest payload that is accepted. Only a single event that large makes one of more than targetPayload.
	maxPayload = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// Kind is what a queue holds. Its text is the name of the queue's folder.
type Kind string

// The kinds.
const (
	Samples Kind = "samples"
	Events  Kind = "events"
)

func (k Kind) number() uint32 {
	if k == Events {
		return 2
	}
	return 1
}

func appendSegmentHeader(buf []byte, k Kind, createdMs int64) []byte {
	start := len(buf)
	buf = append(buf, magic...)
	buf = binary.LittleEndian.AppendUint32(buf, version)
	buf = binary.LittleEndian.AppendUint32(buf, k.number())
	buf = binary.LittleEndian.AppendUint64(buf, uint64(createdMs))
	return binary.LittleEndian.AppendUint32(buf, checksum(buf[start:]))
}

// errTorn means that the program or the machine stopped before this was completely written. Nobody was told that it is on disk.
var errTorn = errors.New("incomplete")

// errNewer means that a newer version of the program wrote the segment.
var errNewer = errors.New("written by a newer version")

// damageError says what is wrong with the bytes of a file. Any other error of reading says that they could not be read, which may pass.
type damageError string

func (e damageError) Error() string { return string(e) }

func parseSegmentHeader(data []byte, k Kind) (createdMs int64, err error) {
	if len(data) >= 12 && string(data[:8]) == magic {
		if v := binary.LittleEndian.Uint32(data[8:]); v > version {
			return 0, fmt.Errorf("%w: format %d, this program knows %d", errNewer, v, version)
		}
	}
	switch {
	case isZero(data) || len(data) < headerSize && string(data[:min(len(data), len(magic))]) == magic[:min(len(data), len(magic))]:
		return 0, errTorn
	case len(data) < headerSize || string(data[:8]) != magic:
		return 0, damageError("this is not a segment")
	case checksum(data[:24]) != binary.LittleEndian.Uint32(data[24:]):
		return 0, damageError("the checksum of the header is wrong")
	case binary.LittleEndian.Uint32(data[12:]) != k.number():
		return 0, damageError("the segment is of another kind of queue")
	}
	return int64(binary.LittleEndian.Uint64(data[16:])), nil
}

// record describes a record by its header.
type record struct {
	length int // of the payload
	count  int // samples or events in it
	sum    uint32
}

// reserveRecord appends room for a record's header; sealRecord fills it in when the payload follows.
func reserveRecord(buf []byte) []byte { return append(buf, make([]byte, recordHeader)...) }

func sealRecord(rec []byte, count int) {
	payload := rec[recordHeader:]
	binary.LittleEndian.PutUint32(rec[0:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(rec[4:], uint32(count))
	binary.LittleEndian.PutUint32(rec[8:], checksum(payload))
	binary.LittleEndian.PutUint32(rec[12:], checksum(rec[:12]))
}

func parseRecordHeader(data []byte) (record, error) {
	r := record{
		length: int(int32(binary.LittleEndian.Uint32(data[0:]))), count: int(int32(binary.LittleEndian.Uint32(data[4:]))),
		sum: binary.LittleEndian.Uint32(data[8:]),
	}
	switch {
	case checksum(data[:12]) != binary.LittleEndian.Uint32(data[12:]):
		return record{}, damageError("the checksum of a record's header is wrong")
	case r.length < 0 || r.length > maxPayload || r.count < 0:
		return record{}, damageError("a record has an impossible length")
	}
	return r, nil
}

func isZero(data []byte) bool {
	for _, b := range data {
		if b != 0 {
			return false
		}
	}
	return true
}

// position is how far a queue was read: everything before the offset in the segment is settled, and the first skip samples or
// events of the record at the offset.
type position struct {
	counter uint64 // of the changes of the position; the larger one of two is valid
	segment uint64
	offset  int64
	skip    int
}

const positionSize = 36

func (p position) append(buf []byte) []byte {
	start := len(buf)
	buf = binary.LittleEndian.AppendUint64(buf, p.counter)
	buf = binary.LittleEndian.AppendUint64(buf, p.segment)
	buf = binary.LittleEndian.AppendUint64(buf, uint64(p.offset))
	buf = binary.LittleEndian.AppendUint64(buf, uint64(p.skip))
	return binary.LittleEndian.AppendUint32(buf, checksum(buf[start:]))
}

// parsePositions returns the newest valid one of the two positions in a file. Each change overwrites the older one, so a crash while
// it is written leaves the other.
func parsePositions(data []byte) (newest position) {
	for ; len(data) >= positionSize; data = data[positionSize:] {
		p := position{
			counter: binary.LittleEndian.Uint64(data), segment: binary.LittleEndian.Uint64(data[8:]),
			offset: int64(binary.LittleEndian.Uint64(data[16:])), skip: int(binary.LittleEndian.Uint64(data[24:])),
		}
		isValid := checksum(data[:32]) == binary.LittleEndian.Uint32(data[32:]) && p.offset >= 0 && p.skip >= 0
		if isValid && p.counter > newest.counter {
			newest = p
		}
	}
	return newest
}
