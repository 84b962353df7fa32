package scan

import "bytes"

// Pair splits off the next two lines that belong together, a header and its values, as /proc/net/snmp and
// /proc/net/netstat have them: both begin with the same word and a colon.
//
//	Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens
//	Tcp: 1 200 120000 -1 781
//
// The title ("Tcp") is the header's first word; names and values are what follows the colon. A line without a partner
// is passed over. Header is nil where there is no further pair.
func Pair(data []byte) (header, title, values, rest []byte) {
	for len(data) > 0 {
		header, data = Line(data)
		colon := bytes.IndexByte(header, ':')
		if colon < 1 {
			continue
		}
		next, after := Line(data)
		if values, ok := bytes.CutPrefix(next, header[:colon+1]); ok {
			return header, header[:colon], values, after
		}
	}
	return nil, nil, nil, nil
}
