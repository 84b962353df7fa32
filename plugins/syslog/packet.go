package sysloginput

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	// maxDatagram is more than UDP can carry. Longer datagrams of a socket file are truncated like messages.
	maxDatagram = 64 << 10

	// datagramsPerRead is how many are read at once, if the system supports it.
	datagramsPerRead = 32
)

// batchReader reads datagrams, at least one at a time.
type batchReader interface {
	// ReadBatch fills messages and returns how many it read, like ipv4.PacketConn.
	ReadBatch(messages []ipv4.Message, flags int) (int, error)
}

// singleReader reads one datagram at a time.
type singleReader struct{ net.PacketConn }

// ReadBatch implements reader.
func (s singleReader) ReadBatch(messages []ipv4.Message, _ int) (int, error) {
	n, from, err := s.ReadFrom(messages[0].Buffers[0])
	if err != nil {
		return 0, err
	}
	messages[0].N, messages[0].Addr = n, from
	return 1, nil
}

// servePackets reads until ctx is done. While it waits for buffer space, the kernel queues datagrams, and counts those that it
// drops.
func (l *listener) servePackets(ctx context.Context, conn net.PacketConn) error {
	var in batchReader = singleReader{conn}
	if _, udp := conn.(*net.UDPConn); udp {
		in = ipv4.NewPacketConn(conn) // reads IPv6 as well
	}
	limit := newDeadline(ctx, conn, 0)
	defer limit.release()
	messages := make([]ipv4.Message, datagramsPerRead)
	for i := range messages {
		messages[i].Buffers = [][]byte{make([]byte, l.maxPacketLen())}
		if _, one := in.(singleReader); one {
			messages = messages[:1]
			break
		}
	}
	c, z, names := l.newCollector(), unzipper{limit: int(l.config.MaxDecompression)}, peerNames{}
	for {
		limit.setForRead(false, false, 0)
		n, err := in.ReadBatch(messages, 0)
		now := time.Now()
		for _, m := range messages[:max(n, 0)] {
			data, cut := l.unpackDatagram(&z, m.Buffers[0][:m.N], names.lookUp(m.Addr))
			c.addMessage(ctx, data, cut, names.name, now)
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

// maxPacketLen returns how many bytes of a datagram are read: one more than a message may have, so that longer ones are noticed.
func (l *listener) maxPacketLen() int { return max(maxDatagram, int(l.config.MaxMessage)) + 1 }

// unpackDatagram returns the message of a datagram and whether it was truncated.
func (l *listener) unpackDatagram(z *unzipper, data []byte, from string) (message []byte, cut bool) {
	if l.config.Encoding == encodingGzip {
		plain, whole, err := z.unzip(data)
		if err != nil {
			l.counts.badDatagrams.Add(1)
			l.warnOnce(from, "datagram is not valid gzip", err)
		}
		data, cut = plain, !whole
	}
	l.counts.bytes.Add(int64(len(data)))
	if maxLen := int(l.config.MaxMessage); len(data) > maxLen {
		return data[:maxLen], true
	}
	return data, cut
}

// peerNames caches the name of the last sender, which often sends the next message, too.
type peerNames struct {
	ip   netip.Addr
	name string
}

func (p *peerNames) lookUp(addr net.Addr) string {
	ip := netip.Addr{}
	if udp, ok := addr.(*net.UDPAddr); ok {
		ip = udp.AddrPort().Addr()
	}
	if p.name == "" || ip != p.ip {
		p.ip, p.name = ip, peerName(addr)
	}
	return p.name
}

// unzipper decompresses datagrams, each up to limit bytes.
type unzipper struct {
	limit int
	zip   gzip.Reader
	plain bytes.Buffer
}

// unzip returns the content of a datagram, as far as it can be read. A datagram that is not compressed is returned unchanged.
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
