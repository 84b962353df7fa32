package sockets

import "encoding/binary"

// Offsets in struct tcp_info (linux/tcp.h), in bytes. It only grows, so its length tells what a kernel has.
const (
	bytesAckedOffset    = 120 // Linux 4.1
	bytesReceivedOffset = 128
	bytesSentOffset     = 200 // Linux 4.19
	bytesRetransOffset  = 208
)

// setBytes stores the payload of a connection in its current state.
//
// Received: tcpi_bytes_received counts the remote end's FIN as a byte, which the state tells. Sent: what was sent without
// what was sent again. Kernels before 4.19 only tell what the remote end confirmed, in which our own FIN is a byte, and our
// SYN if we opened the connection. Nothing tells who did, so such a connection has one byte too many there.
func (s *Socket) setBytes(info []byte) {
	if len(info) < bytesReceivedOffset+8 || s.State == Listen {
		return
	}
	native := binary.NativeEndian
	s.HasBytes = true
	s.RxBytes = subtract(native.Uint64(info[bytesReceivedOffset:]), countIf(s.isRemoteClosed()))
	if len(info) >= bytesRetransOffset+8 {
		s.TxBytes = subtract(native.Uint64(info[bytesSentOffset:]), native.Uint64(info[bytesRetransOffset:]))
		return
	}
	s.TxBytes = subtract(native.Uint64(info[bytesAckedOffset:]), countIf(s.State == FinWait2 || s.State == TimeWait))
}

// isRemoteClosed reports whether the remote end's FIN arrived.
func (s *Socket) isRemoteClosed() bool {
	return s.State == CloseWait || s.State == LastAck || s.State == Closing || s.State == TimeWait
}

func countIf(counted bool) uint64 {
	if counted {
		return 1
	}
	return 0
}

// subtract returns a-b, or 0 if that is negative.
func subtract(a, b uint64) uint64 { return a - min(a, b) }
