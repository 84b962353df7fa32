package netstat

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// Messages of netlink(7) and sock_diag(7): sizes and offsets of their fields, in bytes. Numbers have the native byte
// order.
const (
	headerSize  = 16 // struct nlmsghdr: length, type, flags, sequence number, port
	typeOffset  = 4
	flagsOffset = 6
	seqOffset   = 8

	requestSize  = headerSize + 60 // struct inet_diag_req: family, prefixes, extensions, socket, states, interface
	statesOffset = headerSize + 52

	stateOffset = headerSize + 1 // in struct inet_diag_msg; nothing else of it is read
	errorSize   = 4              // first field of NLMSG_ERROR and NLMSG_DONE: 0 or a negative errno
)

// Types and flags of messages (linux/netlink.h and linux/inet_diag.h).
const (
	typeError        = 2
	typeDone         = 3
	typeGetSock      = 18 // TCPDIAG_GETSOCK, see putRequest
	flagRequest      = 1
	flagDump         = 0x300
	flagInterrupted  = 0x10 // NLM_F_DUMP_INTR: the list changed while it was sent
	wantedStates     = 1<<numStates - 1<<established
	receiveBuffer    = 64 << 10 // bytes; the kernel fills messages of up to 32 KiB if they fit
	maxAttempts      = 3
	netlinkAlignment = 4
)

var (
	errInterrupted = errors.New("the list of sockets changed while it was read")
	errTruncated   = errors.New("a message of the kernel is truncated")
)

// diagConnection is a sock_diag socket. A read or a write is one datagram.
type diagConnection interface {
	io.ReadWriter
	io.Closer
}

// diagClient requests the sockets of this network namespace from the kernel.
type diagClient struct {
	open    func() (diagConnection, error)
	conn    diagConnection // kept between gathers; nil: not open
	buf     []byte
	request [requestSize]byte
	seq     uint32
}

// countSockets returns the number of TCP sockets in each state. It retries errors that are temporary.
func (d *diagClient) countSockets(ctx context.Context) (counts stateCounts, err error) {
	for range maxAttempts {
		counts, err = d.countSocketsOnce(ctx)
		if err == nil {
			return counts, nil
		}
		_ = d.Close() // the rest of the reply must not answer the next request
		if !errors.Is(err, errInterrupted) && !errors.Is(err, syscall.ENOBUFS) {
			break
		}
	}
	return counts, fmt.Errorf("list sockets with sock_diag: %w", err)
}

func (d *diagClient) countSocketsOnce(ctx context.Context) (counts stateCounts, err error) {
	if d.conn == nil {
		if d.conn, err = d.open(); err != nil {
			d.conn = nil
			return counts, err
		}
	}
	err = d.requestDump(ctx, &counts)
	return counts, err
}

// requestDump requests the sockets and counts them in the reply.
func (d *diagClient) requestDump(ctx context.Context, counts *stateCounts) error {
	if d.buf == nil {
		d.buf = make([]byte, receiveBuffer)
	}
	d.seq++
	putRequest(&d.request, d.seq)
	if _, err := d.conn.Write(d.request[:]); err != nil {
		return err
	}
	interrupted := false
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := d.conn.Read(d.buf)
		if err != nil {
			return err
		}
		if n == 0 || n == len(d.buf) { // a datagram that fills the buffer may be truncated
			return errTruncated
		}
		part, err := parseReply(d.buf[:n], d.seq, counts)
		if err != nil {
			return err
		}
		interrupted = interrupted || part.interrupted
		switch {
		case part.done && interrupted:
			return errInterrupted
		case part.done:
			return nil
		}
	}
}

// Close implements io.Closer.
func (d *diagClient) Close() error {
	if d.conn == nil {
		return nil
	}
	c := d.conn
	d.conn = nil
	return c.Close()
}

// putRequest encodes a request for all TCP sockets, without extensions. It uses the older of the two requests that the
// kernel understands, because that one leaves the family open. The kernel then walks through its connection table once
// instead of once for IPv4 and once for IPv6. On a machine with few connections and much memory, the walk is most of the
// cost.
func putRequest(into *[requestSize]byte, seq uint32) {
	native := binary.NativeEndian
	native.PutUint32(into[:], requestSize)
	native.PutUint16(into[typeOffset:], typeGetSock)
	native.PutUint16(into[flagsOffset:], flagRequest|flagDump)
	native.PutUint32(into[seqOffset:], seq)
	native.PutUint32(into[statesOffset:], wantedStates)
}

// datagramInfo is what one datagram of a reply contains besides sockets.
type datagramInfo struct {
	done        bool // it was the last datagram
	interrupted bool
}

// parseReply counts the sockets in one datagram of the reply to the request with this sequence number. It skips messages
// that belong to other requests.
func parseReply(data []byte, seq uint32, counts *stateCounts) (p datagramInfo, err error) {
	native := binary.NativeEndian
	for len(data) > 0 && !p.done {
		if len(data) < headerSize {
			return p, errTruncated
		}
		size := int(native.Uint32(data))
		if size < headerSize || size > len(data) {
			return p, errTruncated
		}
		message := data[:size]
		data = data[min(len(data), (size+netlinkAlignment-1)&^(netlinkAlignment-1)):]
		if native.Uint32(message[seqOffset:]) != seq {
			continue
		}
		p.interrupted = p.interrupted || native.Uint16(message[flagsOffset:])&flagInterrupted != 0
		switch native.Uint16(message[typeOffset:]) {
		case typeGetSock:
			if size <= stateOffset {
				return p, errTruncated
			}
			counts.addSocket(uint64(message[stateOffset]))
		case typeError, typeDone:
			p.done = true
			err = parseStatus(message[headerSize:])
		}
	}
	return p, err
}

// parseStatus returns the error at the end of a reply: nil or an errno.
func parseStatus(body []byte) error {
	if len(body) < errorSize {
		return nil // old kernels end a list without a status
	}
	if code := int32(binary.NativeEndian.Uint32(body)); code < 0 {
		return syscall.Errno(-code)
	}
	return nil
}
