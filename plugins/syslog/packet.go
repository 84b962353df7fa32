package sysloginput

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/net/ipv4"
)

const (
	// maxDatagram is the longest that UDP can carry; datagrams of a socket file are cut there as well.
	maxDatagram = 64 << 10

	// datagrams is how many are read at once, where the system can do that.
	datagrams = 32
)

// reader reads datagrams, at least one at a time.
type reader interface {
	// ReadBatch fills messages and returns how many there are, as ipv4.PacketConn has it.
	ReadBatch(messages []ipv4.Message, flags int) (int, error)
}

// single reads one datagram at a time.
type single struct{ net.PacketConn }

// ReadBatch implements reader.
func (s single) ReadBatch(messages []ipv4.Message, _ int) (int, error) {
	n, from, err := s.ReadFrom(messages[0].Buffers[0])
	if err != nil {
		return 0, err
	}
	messages[0].N, messages[0].Addr = n, from
	return 1, nil
}

// servePackets reads until ctx is done. While it waits for room in the buffers behind it, the kernel keeps what comes,
// and counts what it cannot.
func (l *listener) servePackets(ctx context.Context, conn net.PacketConn) error {
	var in reader = single{conn}
	if _, udp := conn.(*net.UDPConn); udp {
		in = ipv4.NewPacketConn(conn) // reads IPv6 as well
	}
	limit := newDeadline(ctx, conn, 0)
	defer limit.end()
	messages := make([]ipv4.Message, datagrams)
	for i := range messages {
		messages[i].Buffers = [][]byte{make([]byte, maxDatagram)}
	}
	c, z := l.collector(), unzipper{limit: int(l.config.MaxDecompression)}
	for {
		limit.set(false, false)
		n, err := in.ReadBatch(messages, 0)
		for _, m := range messages[:max(n, 0)] {
			l.takePacket(ctx, c, &z, m.Buffers[0][:m.N], m.Addr)
		}
		c.flush(ctx)
		if err != nil && (ctx.Err() != nil || !errors.Is(err, os.ErrDeadlineExceeded)) {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// takePacket takes a datagram as a message.
func (l *listener) takePacket(ctx context.Context, c *collector, z *unzipper, data []byte, from net.Addr) {
	name, cut := peerName(from), false
	if l.config.Encoding == encodingGzip {
		plain, whole, err := z.unzip(data)
		if err != nil {
			l.counts.broken.Add(1)
			l.tell(name, "datagram is not valid gzip", err)
		}
		data, cut = plain, !whole
	}
	l.counts.bytes.Add(int64(len(data)))
	if most := int(l.config.MaxMessage); len(data) > most {
		data, cut = data[:most], true
	}
	c.add(ctx, data, cut, name)
}

// unzipper decompresses datagrams, each up to a limit.
type unzipper struct {
	limit int
	zip   gzip.Reader
	plain bytes.Buffer
}

// unzip returns what a datagram holds, whole or as far as it can be read. What is not compressed at all stays as it is.
func (z *unzipper) unzip(data []byte) (plain []byte, whole bool, err error) {
	if len(data) < 2 || data[0] != 0x1f || data[1] != 0x8b { // RFC 1952, section 2.3.1
		return data, true, nil
	}
	if err := z.zip.Reset(bytes.NewReader(data)); err != nil {
		return data, true, err
	}
	z.plain.Reset()
	n, err := io.Copy(&z.plain, io.LimitReader(&z.zip, int64(z.limit)+1))
	if n > int64(z.limit) {
		return z.plain.Bytes()[:z.limit], false, nil
	}
	return z.plain.Bytes(), err == nil, err
}
