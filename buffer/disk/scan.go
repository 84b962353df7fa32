package disk

import "encoding/binary"

// scanner reads a payload. After the first thing that is not there it has failed, and returns zeros.
type scanner struct {
	data   []byte
	text   string // the same as data when it began: texts are parts of it
	failed bool
}

func newScanner(data []byte, shareText bool) scanner {
	s := scanner{data: data}
	if shareText {
		s.text = string(data)
	}
	return s
}

func (s *scanner) fail() { s.data, s.failed = nil, true }

func (s *scanner) uvarint() uint64 {
	v, n := binary.Uvarint(s.data)
	if n <= 0 {
		s.fail()
		return 0
	}
	s.data = s.data[n:]
	return v
}

func (s *scanner) varint() int64 {
	v, n := binary.Varint(s.data)
	if n <= 0 {
		s.fail()
		return 0
	}
	s.data = s.data[n:]
	return v
}

func (s *scanner) byte() byte {
	if len(s.data) == 0 {
		s.fail()
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

// count returns a number of things that take at least size bytes each, so no more memory is needed than the data has.
func (s *scanner) count(size int) int {
	n := s.uvarint()
	if n > uint64(len(s.data)/size) {
		s.fail()
		return 0
	}
	return int(n)
}

func (s *scanner) string() string {
	n := s.count(1)
	if s.failed {
		return ""
	}
	var v string
	if s.text != "" {
		at := len(s.text) - len(s.data)
		v = s.text[at : at+n]
	} else {
		v = string(s.data[:n])
	}
	s.data = s.data[n:]
	return v
}

func appendString(buf []byte, v string) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(v))), v...)
}
