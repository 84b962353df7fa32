package remotename

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

// Values of TLS (RFC 8446 sections 4 and 5, RFC 6066 section 3, RFC 9849 for ECH).
const (
	recordHandshake   = 22
	recordData        = 23 // application data
	recordHeader      = 5
	maxRecord         = 1 << 14
	handshakeHello    = 1
	handshakeHeader   = 4
	extensionSNI      = 0
	extensionECH      = 0xfe0d
	serverNameHost    = 0
	maxHello          = 16 << 10 // bytes of a ClientHello that are kept
	helloBeforeLength = 2 + 32   // version and random
)

// progress is how far the bytes of one direction of a connection were understood.
type progress int

const (
	wantMore  progress = iota
	complete           // what was looked for was found
	otherData          // something else than what was looked for
	malformed
)

// helloName is what a ClientHello says about the server.
type helloName struct {
	name   string // lower case; "": none
	hasECH bool   // the name is an outer one, or the client pretends that it is (RFC 9849 section 6.2, GREASE)
}

// helloReader finds the ClientHello in the first bytes that a client sends, in whatever pieces they come. A hello that is one record in one
// piece is not copied.
type helloReader struct {
	header  [recordHeader]byte
	have    int // bytes of the header of the record
	left    int // bytes of the record that are still to come
	message []byte
	result  helloName
}

// held returns the bytes that are kept.
func (r *helloReader) held() int { return cap(r.message) }

// feed takes the next bytes.
func (r *helloReader) feed(data []byte) progress {
	for len(data) > 0 {
		if r.left == 0 {
			n := copy(r.header[r.have:], data)
			r.have += n
			data = data[n:]
			if p := r.checkHeader(); p != wantMore {
				return p
			}
			if r.have < recordHeader {
				return wantMore
			}
			r.have, r.left = 0, int(binary.BigEndian.Uint16(r.header[3:]))
		}
		n := min(r.left, len(data))
		if p := r.feedMessage(data[:n]); p != wantMore {
			return p
		}
		r.left -= n
		data = data[n:]
	}
	return wantMore
}

// checkHeader checks the bytes of the header of a record that are there. Whether the first record is one of TLS decides whether an error is
// one of TLS.
func (r *helloReader) checkHeader() progress {
	bad := malformed
	if r.message == nil {
		bad = otherData
	}
	if r.have > 0 && r.header[0] != recordHandshake || r.have > 1 && r.header[1] != 3 {
		return bad
	}
	if r.have == recordHeader {
		if n := binary.BigEndian.Uint16(r.header[3:]); n == 0 || n > maxRecord {
			return bad
		}
	}
	return wantMore
}

// feedMessage takes the next bytes of the handshake message.
func (r *helloReader) feedMessage(data []byte) progress {
	whole := data
	if r.message != nil {
		data = data[:min(len(data), handshakeHeader+maxHello-len(r.message))] // more is not part of the hello
		r.message = append(r.message, data...)
		whole = r.message
	}
	if len(whole) > 0 && whole[0] != handshakeHello {
		return otherData
	}
	if len(whole) >= handshakeHeader {
		length := int(binary.BigEndian.Uint32(whole) & 0xffffff)
		if length > maxHello {
			return malformed
		}
		if len(whole)-handshakeHeader >= length {
			return r.finish(whole[handshakeHeader : handshakeHeader+length])
		}
	}
	if r.message == nil {
		r.message = append(make([]byte, 0, max(64, len(data))), data...)
	}
	return wantMore
}

func (r *helloReader) finish(body []byte) progress {
	r.message = nil
	name, ok := parseClientHello(body)
	if !ok {
		return malformed
	}
	r.result = name
	return complete
}

// field returns the field at the start of data whose length is in its first bytes, and what follows the field.
func field(data []byte, lengthBytes int) (value, rest []byte, ok bool) {
	if len(data) < lengthBytes {
		return nil, nil, false
	}
	length := 0
	for _, c := range data[:lengthBytes] {
		length = length<<8 | int(c)
	}
	data = data[lengthBytes:]
	if len(data) < length {
		return nil, nil, false
	}
	return data[:length], data[length:], true
}

// parseClientHello reads the body of a ClientHello (RFC 8446 section 4.1.2). Every length is checked against that of the field around it.
func parseClientHello(body []byte) (name helloName, ok bool) {
	if len(body) < helloBeforeLength {
		return name, false
	}
	rest := body[helloBeforeLength:]
	for _, lengthBytes := range [...]int{1, 2, 1} { // session, cipher suites, compression methods
		if _, rest, ok = field(rest, lengthBytes); !ok {
			return name, false
		}
	}
	if len(rest) == 0 {
		return name, true // before TLS 1.3, extensions were optional
	}
	extensions, rest, ok := field(rest, 2)
	if !ok || len(rest) > 0 {
		return name, false
	}
	seenName := false
	for len(extensions) > 0 {
		if len(extensions) < 4 {
			return helloName{}, false
		}
		kind := binary.BigEndian.Uint16(extensions)
		var value []byte
		if value, extensions, ok = field(extensions[2:], 2); !ok {
			return helloName{}, false
		}
		switch kind {
		case extensionECH:
			name.hasECH = true
		case extensionSNI:
			if name.name, ok = parseServerName(value); !ok || seenName {
				return helloName{}, false
			}
			seenName = true
		}
	}
	return name, true
}

// parseServerName reads the value of the extension server_name.
func parseServerName(value []byte) (name string, ok bool) {
	entries, rest, ok := field(value, 2)
	if !ok || len(rest) > 0 || len(entries) == 0 {
		return "", false
	}
	for len(entries) > 0 {
		kind := entries[0]
		var host []byte
		if host, entries, ok = field(entries[1:], 2); !ok {
			return "", false
		}
		if kind != serverNameHost {
			continue
		}
		if name != "" {
			return "", false
		}
		if name, ok = cleanHost(string(host)); !ok {
			return "", false
		}
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return "", true // RFC 6066 forbids addresses; some clients send them
	}
	return name, true
}

// cleanHost returns the name of a host in lower case. It reports false if text is not such a name, as letters, digits, "-" and "_": what a
// server accepts is not yet safe to print.
func cleanHost(text string) (string, bool) {
	if len(text) > maxWireName-2 {
		return "", false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > maxLabel {
			return "", false
		}
		for _, c := range []byte(label) {
			if c < '-' || c == '.' || c == '/' || c > '9' && c < 'A' || c > 'Z' && c < 'a' && c != '_' || c > 'z' {
				return "", false
			}
		}
	}
	return strings.ToLower(text), true
}
