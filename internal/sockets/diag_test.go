package sockets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"syscall"
	"testing"
)

// stateCounts are the numbers of sockets by state.
type stateCounts [NumStates]uint64

func (c *stateCounts) add(s *Socket) { c[s.State]++ }

func sumCounts(counts stateCounts) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// countSockets counts the TCP sockets that a lister or a client lists.
func countSockets(t testing.TB, list func(context.Context, Want, func(*Socket)) error) (counts stateCounts, err error) {
	t.Helper()
	err = list(t.Context(), Want{TCP: true, States: AllStates, Begin: func() { counts = stateCounts{} }}, counts.add)
	return counts, err
}

// newMessage returns a netlink message, padded as the kernel does.
func newMessage(kind, flags uint16, seq uint32, body ...byte) []byte {
	m := make([]byte, headerSize, headerSize+len(body)+3)
	native := binary.NativeEndian
	native.PutUint32(m, uint32(headerSize+len(body)))
	native.PutUint16(m[typeOffset:], kind)
	native.PutUint16(m[flagsOffset:], flags)
	native.PutUint32(m[seqOffset:], seq)
	m = append(m, body...)
	return append(m, make([]byte, (4-len(m)%4)%4)...)
}

// socketMessage returns the message about one socket: struct inet_diag_msg has 72 bytes, and attributes may follow.
func socketMessage(seq uint32, state State) []byte {
	return newMessage(typeOldSocket, 2, seq, append([]byte{familyINET, byte(state), 0, 0}, make([]byte, 68)...)...)
}

func endMessage(kind uint16, seq uint32, errno syscall.Errno) []byte {
	return newMessage(kind, 2, seq, binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))...)
}

func joinMessages(messages ...[]byte) []byte { return bytes.Join(messages, nil) }

func TestParseReply(t *testing.T) {
	two := stateCounts{Established: 1, Listen: 1}
	for name, tt := range map[string]struct {
		data   []byte
		counts stateCounts
		part   datagramInfo
		err    error
	}{
		"sockets":            {data: joinMessages(socketMessage(7, Established), socketMessage(7, Listen)), counts: two},
		"attributes":         {data: joinMessages(append(socketMessage(7, Listen), newMessage(1, 0, 7)...), socketMessage(7, Established)), counts: two},
		"end":                {data: joinMessages(socketMessage(7, Established), endMessage(typeDone, 7, 0), socketMessage(7, Listen)), counts: stateCounts{Established: 1}, part: datagramInfo{done: true}},
		"end without status": {data: newMessage(typeDone, 2, 7), part: datagramInfo{done: true}},
		"acknowledged":       {data: endMessage(typeError, 7, 0), part: datagramInfo{done: true}},
		"refused":            {data: endMessage(typeError, 7, syscall.ENOENT), part: datagramInfo{done: true}, err: syscall.ENOENT},
		"failed":             {data: joinMessages(socketMessage(7, Established), endMessage(typeDone, 7, syscall.ENOENT)), counts: stateCounts{Established: 1}, part: datagramInfo{done: true}, err: syscall.ENOENT},
		"interrupted":        {data: newMessage(typeDone, 2|flagInterrupted, 7, 0, 0, 0, 0), part: datagramInfo{done: true, interrupted: true}},
		"foreign":            {data: joinMessages(socketMessage(6, Established), endMessage(typeDone, 6, syscall.EPERM), socketMessage(7, Listen)), counts: stateCounts{Listen: 1}},
		"other types":        {data: joinMessages(newMessage(1, 0, 7), newMessage(99, 0, 7, 1, 2, 3, 4), socketMessage(7, Listen)), counts: stateCounts{Listen: 1}},
		"no header":          {data: joinMessages(socketMessage(7, Listen), []byte{1, 2, 3}), counts: stateCounts{Listen: 1}, err: errTruncated},
		"too long":           {data: joinMessages(socketMessage(7, Listen), socketMessage(7, Listen)[:40]), counts: stateCounts{Listen: 1}, err: errTruncated},
		"no body":            {data: newMessage(typeOldSocket, 2, 7), err: errTruncated},
		"no length":          {data: make([]byte, 64), err: errTruncated},
		"unaligned end":      {data: socketMessage(7, Listen)[:headerSize+2+70], counts: stateCounts{Listen: 1}},
		"nothing":            {},
	} {
		var counts stateCounts
		p, err := parseReply(tt.data, 7, &Socket{Proto: TCP}, counts.add)
		if p != tt.part || counts != tt.counts || !errors.Is(err, tt.err) || (err != nil) != (tt.err != nil) {
			t.Errorf("%s: %+v %v %v, want %+v %v %v", name, p, counts, err, tt.part, tt.counts, tt.err)
		}
	}
}

func FuzzParseReply(f *testing.F) {
	f.Add(joinMessages(socketMessage(7, Established), socketMessage(6, Listen), endMessage(typeDone, 7, 0)))
	f.Add(endMessage(typeError, 7, syscall.EPERM))
	f.Add(newMessage(typeDone, flagInterrupted, 7))
	f.Add(socketMessage(7, Listen)[:40])
	f.Fuzz(func(t *testing.T, data []byte) {
		var counts stateCounts
		_, err := parseReply(data, 7, &Socket{Proto: TCP}, counts.add)
		if n := sumCounts(counts); n > uint64(len(data)/attributesOffset) {
			t.Errorf("%d sockets in %d bytes, %v", n, len(data), err)
		}
		var again stateCounts
		if _, err := parseReply(slices.Concat(socketMessage(7, Listen), data), 7, &Socket{Proto: TCP}, again.add); sumCounts(again) != sumCounts(counts)+1 {
			t.Errorf("%v after a socket, %v alone, %v", again, counts, err)
		}
	})
}

// fakeConn is a kernel whose answers the test chooses: no test can make a real kernel interrupt a list or run out of
// memory.
type fakeConn struct {
	answer func(request []byte) [][]byte // a nil datagram is an error
	queue  [][]byte
	err    error
	closed *int
}

func (c *fakeConn) Write(request []byte) (int, error) {
	c.queue = c.answer(request)
	return len(request), nil
}

func (c *fakeConn) Read(buf []byte) (int, error) {
	if len(c.queue) == 0 || c.queue[0] == nil {
		return 0, c.err
	}
	n := copy(buf, c.queue[0])
	c.queue = c.queue[1:]
	return n, nil
}

func (c *fakeConn) Close() error {
	*c.closed++
	return nil
}

func sequenceOf(request []byte) uint32 { return binary.NativeEndian.Uint32(request[seqOffset:]) }

// newFakeDiag returns a diag whose n-th connection uses the n-th answer. The last answer repeats.
func newFakeDiag(err error, answers ...func(request []byte) [][]byte) (d *diagClient, opened, closed *int) {
	opened, closed = new(int), new(int)
	return &diagClient{open: func() (diagConnection, error) {
		answer := answers[min(*opened, len(answers)-1)]
		*opened++
		return &fakeConn{answer: answer, err: err, closed: closed}, nil
	}}, opened, closed
}

func answerSockets(request []byte) [][]byte {
	seq := sequenceOf(request)
	return [][]byte{joinMessages(socketMessage(seq, Established), socketMessage(seq, newSynRecv)), joinMessages(socketMessage(seq, Listen), endMessage(typeDone, seq, 0))}
}

func answerInterrupted(request []byte) [][]byte {
	seq := sequenceOf(request)
	return [][]byte{newMessage(typeOldSocket, flagInterrupted, seq, append([]byte{familyINET, byte(Listen)}, make([]byte, 70)...)...), endMessage(typeDone, seq, 0)}
}

func answerLost([]byte) [][]byte { return [][]byte{nil} }

func answerUnsupported(request []byte) [][]byte {
	return [][]byte{endMessage(typeError, sequenceOf(request), syscall.ENOENT)}
}

// answerFullBuffer fills the reader's buffer to the last byte with whole messages: whatever follows them is lost.
func answerFullBuffer(request []byte) [][]byte {
	seq := sequenceOf(request)
	noop := newMessage(1, 0, seq, make([]byte, 64-headerSize)...)
	return [][]byte{bytes.Repeat(noop, receiveBuffer/len(noop)), endMessage(typeDone, seq, 0)}
}

// answerEverySecond fails for every second request.
func answerEverySecond() func(request []byte) [][]byte {
	questions := 0
	return func(request []byte) [][]byte {
		if questions++; questions%2 == 0 {
			return answerFullBuffer(request)
		}
		return answerSockets(request)
	}
}

func TestConnectionIsReused(t *testing.T) {
	d, opened, _ := newFakeDiag(nil, answerSockets)
	for range 3 {
		if counts, err := countSockets(t, d.list); err != nil || counts != (stateCounts{Established: 1, SynRecv: 1, Listen: 1}) {
			t.Errorf("%v, %v", counts, err)
		}
	}
	if *opened != 1 || d.seq != 3 {
		t.Errorf("%d connections, %d requests", *opened, d.seq)
	}
}

func TestDiagErrors(t *testing.T) {
	good := stateCounts{Established: 1, SynRecv: 1, Listen: 1}
	for name, tt := range map[string]struct {
		answers []func([]byte) [][]byte
		err     error
		want    error
		opened  int
	}{
		"interrupted once":   {answers: []func([]byte) [][]byte{answerInterrupted, answerSockets}, opened: 2},
		"always interrupted": {answers: []func([]byte) [][]byte{answerInterrupted}, want: errInterrupted, opened: maxAttempts},
		"overrun once":       {answers: []func([]byte) [][]byte{answerLost, answerSockets}, err: os.NewSyscallError("recv", syscall.ENOBUFS), opened: 2},
		"always overrun":     {answers: []func([]byte) [][]byte{answerLost}, err: syscall.ENOBUFS, want: syscall.ENOBUFS, opened: maxAttempts},
		"does not answer":    {answers: []func([]byte) [][]byte{answerLost}, err: io.ErrNoProgress, want: io.ErrNoProgress, opened: 1},
		"no inet_diag":       {answers: []func([]byte) [][]byte{answerUnsupported}, want: syscall.ENOENT, opened: 1},
		"full buffer":        {answers: []func([]byte) [][]byte{answerFullBuffer}, want: errTruncated, opened: 1},
	} {
		d, opened, closed := newFakeDiag(tt.err, tt.answers...)
		counts, err := countSockets(t, d.list)
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || err == nil && counts != good {
			t.Errorf("%s: %v, %v", name, counts, err)
		}
		if *opened != tt.opened || d.Close() != nil || *closed != *opened {
			t.Errorf("%s: %d opened, want %d, %d closed", name, *opened, tt.opened, *closed)
		}
	}
}

// A cancelled list ends, and the rest of its reply does not answer the next request.
func TestDiagCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d, _, closed := newFakeDiag(nil, func(request []byte) [][]byte {
		cancel()
		return answerSockets(request)
	}, answerSockets)
	if err := d.list(ctx, Want{TCP: true, Begin: func() {}}, func(*Socket) {}); !errors.Is(err, context.Canceled) || *closed != 1 {
		t.Errorf("%v, %d closed", err, *closed)
	}
	if counts, err := countSockets(t, d.list); err != nil || counts[Listen] != 1 {
		t.Errorf("%v, %v", counts, err)
	}
}
