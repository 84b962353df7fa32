package nginx

import (
	"bytes"
	"strconv"
)

// The numbers of the page, in the order of the page.
const (
	fieldActive = iota
	fieldAccepts
	fieldHandled
	fieldRequests
	fieldReading
	fieldWriting
	fieldWaiting
	numFields
)

// parseStubStatus parses the page (src/http/modules/ngx_http_stub_status_module.c):
//
//	Active connections: 291
//	server accepts handled requests
//	 16630948 16630948 31070465
//	Reading: 6 Writing: 179 Waiting: 106
//
// Tengine has an additional column, "request_time", after requests.
func parseStubStatus(page []byte) (fields [numFields]float64, ok bool) {
	lines := bytes.Split(bytes.TrimSpace(page), []byte("\n"))
	if len(lines) < 4 || !bytes.HasPrefix(bytes.TrimSpace(lines[1]), []byte("server accepts handled requests")) {
		return fields, false
	}
	totals := bytes.Fields(lines[2])
	ends := bytes.Fields(lines[3])
	start := bytes.Fields(lines[0])
	if len(start) != 3 || len(totals) < 3 || len(ends) != 6 || string(start[0]) != "Active" || string(ends[0]) != "Reading:" {
		return fields, false
	}
	for i, text := range [numFields][]byte{start[2], totals[0], totals[1], totals[2], ends[1], ends[3], ends[5]} {
		n, err := strconv.ParseUint(string(text), 10, 64)
		if err != nil {
			return fields, false
		}
		fields[i] = float64(n)
	}
	return fields, true
}
