package scan

import "bytes"

// NextPair splits off the next header line and its line of values, as /proc/net/snmp and /proc/net/netstat have them:
// both start with the same word and a colon.
//
//	Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens
//	Tcp: 1 200 120000 -1 781
//
// header is the whole first line, with its title ("Tcp"), which is the text before the colon. values is the second line after
// its colon. NextPair skips lines without a partner. header is nil if there is no further pair.
func NextPair(data []byte) (header, title, values, rest []byte) {
	for len(data) > 0 {
		header, data = CutLine(data)
		colon := bytes.IndexByte(header, ':')
		if colon < 1 {
			continue
		}
		next, after := CutLine(data)
		if values, ok := bytes.CutPrefix(next, header[:colon+1]); ok {
			return header, header[:colon], values, after
		}
	}
	return nil, nil, nil, nil
}
