package sockets

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"syscall"
)

// Messages of netlink(7) and sock_diag(7): sizes and offsets of their fields, in bytes. Numbers have the native byte
// order, but for ports and addresses.
const (
	headerSize  = 16 // struct nlmsghdr: length, type, flags, sequence number, port
	typeOffset  = 4
	flagsOffset = 6
	seqOffset   = 8

	// struct inet_diag_req: family, prefixes, extensions, socket, states, interface.
	oldRequestSize      = headerSize + 60
	oldExtensionsOffset = headerSize + 3
	oldStatesOffset     = headerSize + 52

	// struct inet_diag_req_v2: family, protocol, extensions, padding, states, socket.
	requestSize    = headerSize + 56
	familyOffset   = headerSize
	protocolOffset = headerSize + 1
	statesOffset   = headerSize + 4

	// struct inet_diag_msg: family, state, timer, retransmissions, socket (ports, addresses, interface, cookie), expiry, queues,
	// user, inode; then attributes.
	replyFamilyOffset = headerSize
	replyStateOffset  = headerSize + 1
	localPortOffset   = headerSize + 4
	remotePortOffset  = headerSize + 6
	localOffset       = headerSize + 8
	remoteOffset      = headerSize + 24
	cookieOffset      = headerSize + 44
	uidOffset         = headerSize + 64
	inodeOffset       = headerSize + 68
	attributesOffset  = headerSize + 72

	attributeHeader = 4 // struct nlattr: length, type
	errorSize       = 4 // first field of NLMSG_ERROR and NLMSG_DONE: 0 or a negative errno
)

// Types and flags of messages (linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h).
const (
	typeError        = 2
	typeDone         = 3
	typeOldSocket    = 18 // TCPDIAG_GETSOCK, see diagRequest
	typeSocket       = 20 // SOCK_DIAG_BY_FAMILY
	flagRequest      = 1
	flagDump         = 0x300
	flagInterrupted  = 0x10 // NLM_F_DUMP_INTR: the list changed while it was sent
	attributeInfo    = 2    // INET_DIAG_INFO
	extensionInfo    = 1 << (attributeInfo - 1)
	familyINET       = 2
	familyINET6      = 10
	protocolUDP      = 17
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

// diagClient requests sockets from the kernel.
type diagClient struct {
	open    func() (diagConnection, error)
	conn    diagConnection // kept between lists; nil: not open
	buf     []byte
	request [oldRequestSize]byte
	seq     uint32
	socket  Socket // the one that is being listed
}

// diagRequest is one request for a list. TCP sockets use the older of the two requests that the kernel understands, because
// that one leaves the family open. The kernel then walks through its connection table once instead of once for IPv4 and once
// for IPv6. On a machine with few connections and much memory, the walk is most of the cost. UDP sockets have no such
// request.
type diagRequest struct {
	proto  Proto
	family byte // of a UDP request
}

// requestsFor returns the requests that list the wanted sockets.
func requestsFor(want Want) (requests []diagRequest) {
	if want.TCP {
		requests = append(requests, diagRequest{proto: TCP})
	}
	if want.UDP {
		requests = append(requests, diagRequest{UDP, familyINET}, diagRequest{UDP, familyINET6})
	}
	return requests
}

// list lists the wanted sockets. It retries errors that are temporary.
func (d *diagClient) list(ctx context.Context, want Want, each func(*Socket)) (err error) {
	for range maxAttempts {
		want.Begin()
		err = d.listOnce(ctx, want, each)
		if err == nil {
			return nil
		}
		_ = d.Close() // the rest of the reply must not answer the next request
		if !errors.Is(err, errInterrupted) && !errors.Is(err, syscall.ENOBUFS) {
			break
		}
	}
	return fmt.Errorf("list sockets with sock_diag: %w", err)
}

func (d *diagClient) listOnce(ctx context.Context, want Want, each func(*Socket)) error {
	if err := d.connect(); err != nil {
		return err
	}
	for _, r := range requestsFor(want) {
		err := d.requestDump(ctx, r, want, each)
		if r.family == familyINET6 && errors.Is(err, syscall.ENOENT) {
			continue // a kernel without IPv6; it listed IPv4
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *diagClient) connect() (err error) {
	if d.conn != nil {
		return nil
	}
	if d.conn, err = d.open(); err != nil {
		d.conn = nil
	}
	return err
}

// requestDump sends one request and lists the sockets in the reply.
func (d *diagClient) requestDump(ctx context.Context, r diagRequest, want Want, each func(*Socket)) error {
	if d.buf == nil {
		d.buf = make([]byte, receiveBuffer)
	}
	d.seq++
	if _, err := d.conn.Write(r.put(&d.request, d.seq, want)); err != nil {
		return err
	}
	d.socket = Socket{Proto: r.proto}
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
		part, err := parseReply(d.buf[:n], d.seq, &d.socket, each)
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

// put encodes the request.
func (r diagRequest) put(into *[oldRequestSize]byte, seq uint32, want Want) []byte {
	native := binary.NativeEndian
	*into = [oldRequestSize]byte{}
	message := into[:]
	native.PutUint16(message[flagsOffset:], flagRequest|flagDump)
	native.PutUint32(message[seqOffset:], seq)
	if r.proto == UDP {
		message = into[:requestSize]
		native.PutUint16(message[typeOffset:], typeSocket)
		native.PutUint32(message[statesOffset:], uint32(want.States))
		message[familyOffset], message[protocolOffset] = r.family, protocolUDP
	} else {
		native.PutUint16(message[typeOffset:], typeOldSocket)
		native.PutUint32(message[oldStatesOffset:], uint32(want.States))
		if want.Bytes {
			message[oldExtensionsOffset] = extensionInfo
		}
	}
	native.PutUint32(message, uint32(len(message)))
	return message
}

// datagramInfo is what one datagram of a reply contains besides sockets.
type datagramInfo struct {
	done        bool // it was the last datagram
	interrupted bool
}

// parseReply lists the sockets in one datagram of the reply to the request with this sequence number. It skips messages
// that belong to other requests, and sockets in unknown states.
func parseReply(data []byte, seq uint32, s *Socket, each func(*Socket)) (p datagramInfo, err error) {
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
		data = data[min(len(data), align(size)):]
		if native.Uint32(message[seqOffset:]) != seq {
			continue
		}
		p.interrupted = p.interrupted || native.Uint16(message[flagsOffset:])&flagInterrupted != 0
		switch native.Uint16(message[typeOffset:]) {
		case typeOldSocket, typeSocket:
			known, err := s.parseMessage(message)
			if err != nil {
				return p, err
			}
			if known {
				each(s)
			}
		case typeError, typeDone:
			p.done = true
			err = parseStatus(message[headerSize:])
		}
	}
	return p, err
}

func align(size int) int { return (size + netlinkAlignment - 1) &^ (netlinkAlignment - 1) }

// parseMessage parses the message about one socket. known is false if its state or family is not listed.
func (s *Socket) parseMessage(message []byte) (known bool, err error) {
	if len(message) < attributesOffset {
		return false, errTruncated
	}
	if !isListed(message[replyStateOffset]) {
		return false, nil
	}
	var local, remote netip.Addr
	switch message[replyFamilyOffset] {
	case familyINET:
		local, remote = netip.AddrFrom4([4]byte(message[localOffset:])), netip.AddrFrom4([4]byte(message[remoteOffset:]))
	case familyINET6:
		local, remote = netip.AddrFrom16([16]byte(message[localOffset:])), netip.AddrFrom16([16]byte(message[remoteOffset:]))
	default:
		return false, nil
	}
	native := binary.NativeEndian
	s.setAddresses(local, remote, binary.BigEndian.Uint16(message[localPortOffset:]), binary.BigEndian.Uint16(message[remotePortOffset:]))
	s.setState(message[replyStateOffset])
	s.UID, s.Inode = native.Uint32(message[uidOffset:]), uint64(native.Uint32(message[inodeOffset:]))
	s.Cookie = uint64(native.Uint32(message[cookieOffset:])) | uint64(native.Uint32(message[cookieOffset+4:]))<<32
	s.TxBytes, s.RxBytes, s.HasBytes = 0, 0, false
	return true, s.parseAttributes(message[attributesOffset:])
}

// parseAttributes reads the payload from the attribute with struct tcp_info.
func (s *Socket) parseAttributes(data []byte) error {
	native := binary.NativeEndian
	for len(data) >= attributeHeader {
		size := int(native.Uint16(data))
		if size < attributeHeader || size > len(data) {
			return errTruncated
		}
		if native.Uint16(data[2:]) == attributeInfo && s.Proto == TCP {
			s.setBytes(data[attributeHeader:size])
		}
		data = data[min(len(data), align(size)):]
	}
	return nil
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
