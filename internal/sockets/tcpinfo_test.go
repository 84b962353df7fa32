package sockets

import (
	"encoding/binary"
	"testing"
)

// newInfo returns a struct tcp_info of a size: what a kernel knows depends on its age.
func newInfo(size int, acked, received, sent, retrans uint64) []byte {
	info := make([]byte, 256)
	for offset, v := range map[int]uint64{bytesAckedOffset: acked, bytesReceivedOffset: received, bytesSentOffset: sent, bytesRetransOffset: retrans} {
		binary.NativeEndian.PutUint64(info[offset:], v)
	}
	return info[:size]
}

func TestBytes(t *testing.T) {
	const linux3, linux4, linux419 = 104, 192, 224
	for name, tt := range map[string]struct {
		state  State
		info   []byte
		has    bool
		tx, rx uint64
	}{
		"retransmitted":        {Established, newInfo(linux419, 91, 50, 100, 10), true, 90, 50},
		"remote end closed":    {CloseWait, newInfo(linux419, 91, 51, 90, 0), true, 90, 50},
		"both closed":          {LastAck, newInfo(linux419, 91, 51, 90, 0), true, 90, 50},
		"we closed":            {FinWait2, newInfo(linux419, 92, 50, 90, 0), true, 90, 50},
		"old kernel":           {Established, newInfo(linux4, 90, 50, 0, 0), true, 90, 50},
		"old kernel, closed":   {FinWait2, newInfo(linux4, 91, 50, 0, 0), true, 90, 50},
		"oldest kernel":        {Established, newInfo(linux3, 0, 0, 0, 0), false, 0, 0},
		"listener":             {Listen, newInfo(linux419, 0, 0, 0, 0), false, 0, 0},
		"nothing before a FIN": {CloseWait, newInfo(linux419, 0, 0, 0, 5), true, 0, 0},
	} {
		s := Socket{State: tt.state}
		s.setBytes(tt.info)
		if s.HasBytes != tt.has || s.TxBytes != tt.tx || s.RxBytes != tt.rx {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
