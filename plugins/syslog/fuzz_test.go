package sysloginput

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

const udpTable = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  123: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 42
  124: 00000000:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0
`

func TestParseDrops(t *testing.T) {
	for inode, want := range map[uint64]string{4711: "42 true", 4712: "0 true", 4713: "0 false"} {
		if n, ok := parseDrops([]byte(udpTable), inode); fmt.Sprint(n, ok) != want {
			t.Errorf("%d: %d %t, want %s", inode, n, ok, want)
		}
	}
}

// FuzzParseDrops parses any table. Only a line with the inode of the socket may be used.
func FuzzParseDrops(f *testing.F) {
	f.Add(udpTable, uint64(4711))
	f.Add("x\n\n 1 2 3 4 5 6 7 8 9 4711 x x x", uint64(4711))
	f.Fuzz(func(t *testing.T, table string, inode uint64) {
		if _, ok := parseDrops([]byte(table), inode); ok && !strings.Contains(table, fmt.Sprint(inode)) {
			t.Errorf("inode %d in %q", inode, table)
		}
	})
}

// FuzzDatagram checks that each datagram is one event within the limit, and that a cut is marked.
func FuzzDatagram(f *testing.F) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("<13>" + strings.Repeat("x", 5000)))
	_ = z.Close()
	f.Add(packed.Bytes(), true)
	f.Add(packed.Bytes()[:packed.Len()/2], true)
	f.Add([]byte("<13>1 - - - - - - hello"), true)
	f.Add([]byte("\x1f\x8b"), true)
	f.Add([]byte(strings.Repeat("<", 900)), false)
	f.Fuzz(func(t *testing.T, data []byte, zipped bool) {
		c := defaults()
		c.MaxMessage, c.MaxDecompression = 480, 1000
		if zipped {
			c.Encoding = encodingGzip
		}
		s := &collectingEmitter{}
		l := newListener(address{network: "udp", where: ":1"}, &c, "h", plugintest.Env("syslog", "").Log)
		l.out = s
		message, cut := l.unpack(&unzipper{limit: int(c.MaxDecompression)}, data, "192.0.2.1")
		if len(message) > 480 {
			t.Errorf("%d bytes, cut %t", len(message), cut)
		}
		if !zipped && cut != (len(data) > 480) {
			t.Errorf("%d bytes, cut %t", len(data), cut)
		}
		k := <-l.collectors
		k.add(t.Context(), message, cut, "192.0.2.1", time.Now())
		k.flush(context.Background())
		events := s.takeEvents()
		if len(events) != 1 || cut != (fieldText(events[0], fieldCut) != "") {
			t.Errorf("%+v, cut %t", events, cut)
		}
	})
}
