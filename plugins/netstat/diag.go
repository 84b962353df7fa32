package netstat

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// Messages of netlink(7) and sock_diag(7): sizes and places of their fields in bytes. Numbers are the machine's own.
const (
	headerSize  = 16 // struct nlmsghdr: length, type, flags, sequence number, port
	typeOffset  = 4
	flagsOffset = 6
	seqOffset   = 8

	requestSize  = headerSize + 60 // struct inet_diag_req: family, prefixes, extensions, socket, states, interface
	statesOffset = headerSize + 52

	stateOffset = headerSize + 1 // in struct inet_diag_msg, of which nothing else is read
	errorSize   = 4              // what begins the body of NLMSG_ERROR and NLMSG_DONE: 0, or a negative errno
)

// Types and flags of messages: linux/netlink.h and linux/inet_diag.h.
const (
	typeError        = 2
	typeDone         = 3
	typeGetSock      = 18 // TCPDIAG_GETSOCK, see putRequest
	flagRequest      = 1
	flagDump         = 0x300
	flagInterrupted  = 0x10 // NLM_F_DUMP_INTR: what was listed changed meanwhile
	wantedStates     = 1<<numStates - 1<<established
	receiveBuffer    = 64 << 10 // bytes: the kernel fills messages of up to 32 KiB, if the reader has room for them
	attempts         = 3
	netlinkAlignment = 4
)

var (
	errInterrupted = errors.New("the list of sockets changed while it was read")
	errTruncated   = errors.New("a message of the kernel is cut short")
)

// conn is a sock_diag socket.
type conn interface {
	io.ReadWriter // a datagram each
	io.Closer
}

// diag asks the kernel for a list of the sockets of this network namespace.
type diag struct {
	open    func() (conn, error)
	conn    conn // kept between gathers; nil: not open
	buf     []byte
	request [requestSize]byte
	seq     uint32
}

// count returns how many TCP sockets there are in each state. What is wrong only at times is tried again.
func (d *diag) count(ctx context.Context) (counts states, err error) {
	for range attempts {
		counts, err = d.countOnce(ctx)
		if err == nil {
			return counts, nil
		}
		_ = d.Close() // a reply that was not read to its end must not answer the next question
		if !errors.Is(err, errInterrupted) && !errors.Is(err, syscall.ENOBUFS) {
			break
		}
	}
	return counts, fmt.Errorf("list sockets with sock_diag: %w", err)
}

func (d *diag) countOnce(ctx context.Context) (counts states, err error) {
	if d.conn == nil {
		if d.conn, err = d.open(); err != nil {
			d.conn = nil
			return counts, err
		}
	}
	err = d.dump(ctx, &counts)
	return counts, err
}

// dump asks for the sockets and counts them.
func (d *diag) dump(ctx context.Context, counts *states) error {
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
		if n == 0 || n == len(d.buf) { // what did not fit is lost
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
func (d *diag) Close() error {
	if d.conn == nil {
		return nil
	}
	c := d.conn
	d.conn = nil
	return c.Close()
}

// putRequest writes a request for all TCP sockets, without extensions. It is the older of the two requests that the
// kernel understands: this one leaves the family open, so that the kernel walks through its table of connections once
// instead of for IPv4 and for IPv6, which is most of the cost on a machine with few connections and much memory.
func putRequest(into *[requestSize]byte, seq uint32) {
	native := binary.NativeEndian
	native.PutUint32(into[:], requestSize)
	native.PutUint16(into[typeOffset:], typeGetSock)
	native.PutUint16(into[flagsOffset:], flagRequest|flagDump)
	native.PutUint32(into[seqOffset:], seq)
	native.PutUint32(into[statesOffset:], wantedStates)
}

// part is what one datagram of a reply says beside the sockets in it.
type part struct {
	done        bool // it was the last one
	interrupted bool
}

// parseReply counts the sockets in one datagram of the reply to the request with this sequence number. Messages that
// answer something else are passed over.
func parseReply(data []byte, seq uint32, counts *states) (p part, err error) {
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
			counts.add(uint64(message[stateOffset]))
		case typeError, typeDone:
			p.done = true
			err = kernelError(message[headerSize:])
		}
	}
	return p, err
}

// kernelError is what the end of a reply says: nil, or an errno.
func kernelError(body []byte) error {
	if len(body) < errorSize {
		return nil // old kernels end a list without a word
	}
	if code := int32(binary.NativeEndian.Uint32(body)); code < 0 {
		return syscall.Errno(-code)
	}
	return nil
}
