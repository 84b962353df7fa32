package netstat

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// message is a netlink message, padded as the kernel does.
func message(kind, flags uint16, seq uint32, body ...byte) []byte {
	m := make([]byte, headerSize, headerSize+len(body)+3)
	native := binary.NativeEndian
	native.PutUint32(m, uint32(headerSize+len(body)))
	native.PutUint16(m[typeOffset:], kind)
	native.PutUint16(m[flagsOffset:], flags)
	native.PutUint32(m[seqOffset:], seq)
	m = append(m, body...)
	return append(m, make([]byte, (4-len(m)%4)%4)...)
}

// socket is what sock_diag says of one: struct inet_diag_msg is 72 bytes, attributes may follow.
func socket(seq uint32, state byte) []byte {
	return message(typeGetSock, 2, seq, append([]byte{2, state, 0, 0}, make([]byte, 68)...)...)
}

func end(kind uint16, seq uint32, errno syscall.Errno) []byte {
	return message(kind, 2, seq, binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))...)
}

func datagram(messages ...[]byte) []byte { return bytes.Join(messages, nil) }

func TestParseReply(t *testing.T) {
	two := states{established: 1, listen: 1}
	for name, tt := range map[string]struct {
		data   []byte
		counts states
		part   part
		err    error
	}{
		"sockets":      {data: datagram(socket(7, established), socket(7, listen)), counts: two},
		"attributes":   {data: datagram(message(typeGetSock, 2, 7, 2, listen, 0, 0, 9, 9, 9), socket(7, established)), counts: two},
		"end":          {data: datagram(socket(7, established), end(typeDone, 7, 0), socket(7, listen)), counts: states{established: 1}, part: part{done: true}},
		"end, bare":    {data: message(typeDone, 2, 7), part: part{done: true}},
		"acknowledged": {data: end(typeError, 7, 0), part: part{done: true}},
		"refused":      {data: end(typeError, 7, syscall.ENOENT), part: part{done: true}, err: syscall.ENOENT},
		"failed":       {data: datagram(socket(7, established), end(typeDone, 7, syscall.ENOENT)), counts: states{established: 1}, part: part{done: true}, err: syscall.ENOENT},
		"interrupted":  {data: message(typeDone, 2|flagInterrupted, 7, 0, 0, 0, 0), part: part{done: true, interrupted: true}},
		"foreign":      {data: datagram(socket(6, established), end(typeDone, 6, syscall.EPERM), socket(7, listen)), counts: states{listen: 1}},
		"other types":  {data: datagram(message(1, 0, 7), message(99, 0, 7, 1, 2, 3, 4), socket(7, listen)), counts: states{listen: 1}},
		"no header":    {data: datagram(socket(7, listen), []byte{1, 2, 3}), counts: states{listen: 1}, err: errTruncated},
		"too long":     {data: datagram(socket(7, listen), socket(7, listen)[:40]), counts: states{listen: 1}, err: errTruncated},
		"no body":      {data: message(typeGetSock, 2, 7), err: errTruncated},
		"no length":    {data: make([]byte, 64), err: errTruncated},
		"odd end":      {data: socket(7, listen)[:headerSize+2+70], counts: states{listen: 1}},
		"nothing":      {},
	} {
		var counts states
		p, err := parseReply(tt.data, 7, &counts)
		if p != tt.part || counts != tt.counts || !errors.Is(err, tt.err) || (err != nil) != (tt.err != nil) {
			t.Errorf("%s: %+v %v %v, want %+v %v %v", name, p, counts, err, tt.part, tt.counts, tt.err)
		}
	}
}

func FuzzParseReply(f *testing.F) {
	f.Add(datagram(socket(7, established), socket(6, listen), end(typeDone, 7, 0)))
	f.Add(end(typeError, 7, syscall.EPERM))
	f.Add(message(typeDone, flagInterrupted, 7))
	f.Add(socket(7, listen)[:40])
	f.Fuzz(func(t *testing.T, data []byte) {
		var counts states
		_, err := parseReply(data, 7, &counts)
		if n := total(counts); n > uint64(len(data)/(headerSize+2)) {
			t.Errorf("%d sockets in %d bytes, %v", n, len(data), err)
		}
		var again states
		if _, err := parseReply(slices.Concat(socket(7, listen), data), 7, &again); total(again) != total(counts)+1 {
			t.Errorf("%v behind a socket, %v alone, %v", again, counts, err)
		}
	})
}

// fakeConn is a kernel that answers as the test says: one that is interrupted or runs out of memory cannot be had.
type fakeConn struct {
	answer func(request []byte) [][]byte // nil instead of a datagram: an error
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

func seqOf(request []byte) uint32 { return binary.NativeEndian.Uint32(request[seqOffset:]) }

// fakeDiag asks kernels of which each connection gets the next one, and the last one goes on.
func fakeDiag(err error, answers ...func(request []byte) [][]byte) (d *diag, opened, closed *int) {
	opened, closed = new(int), new(int)
	return &diag{open: func() (conn, error) {
		answer := answers[min(*opened, len(answers)-1)]
		*opened++
		return &fakeConn{answer: answer, err: err, closed: closed}, nil
	}}, opened, closed
}

func answerWell(request []byte) [][]byte {
	seq := seqOf(request)
	return [][]byte{datagram(socket(seq, established), socket(seq, newSynRecv)), datagram(socket(seq, listen), end(typeDone, seq, 0))}
}

func answerInterrupted(request []byte) [][]byte {
	seq := seqOf(request)
	return [][]byte{message(typeGetSock, flagInterrupted, seq, 2, listen), end(typeDone, seq, 0)}
}

func answerLost([]byte) [][]byte { return [][]byte{nil} }

func answerUnsupported(request []byte) [][]byte {
	return [][]byte{end(typeError, seqOf(request), syscall.ENOENT)}
}

// answerTooMuch fills the reader's buffer to the last byte, with whole messages: what came behind them is lost.
func answerTooMuch(request []byte) [][]byte {
	seq := seqOf(request)
	noop := message(1, 0, seq, make([]byte, 64-headerSize)...)
	return [][]byte{bytes.Repeat(noop, receiveBuffer/len(noop)), end(typeDone, seq, 0)}
}

// answerNowAndThen fails at every second question.
func answerNowAndThen() func(request []byte) [][]byte {
	questions := 0
	return func(request []byte) [][]byte {
		if questions++; questions%2 == 0 {
			return answerTooMuch(request)
		}
		return answerWell(request)
	}
}

func TestSocketIsAskedAgain(t *testing.T) {
	d, opened, _ := fakeDiag(nil, answerWell)
	for range 3 {
		if counts, err := d.count(t.Context()); err != nil || counts != (states{established: 1, synRecv: 1, listen: 1}) {
			t.Errorf("%v, %v", counts, err)
		}
	}
	if *opened != 1 || d.seq != 3 {
		t.Errorf("%d connections, %d questions", *opened, d.seq)
	}
}

func TestDiagTroubles(t *testing.T) {
	good := states{established: 1, synRecv: 1, listen: 1}
	for name, tt := range map[string]struct {
		answers []func([]byte) [][]byte
		err     error
		want    error
		opened  int
	}{
		"interrupted once":   {answers: []func([]byte) [][]byte{answerInterrupted, answerWell}, opened: 2},
		"always interrupted": {answers: []func([]byte) [][]byte{answerInterrupted}, want: errInterrupted, opened: attempts},
		"overrun once":       {answers: []func([]byte) [][]byte{answerLost, answerWell}, err: os.NewSyscallError("recv", syscall.ENOBUFS), opened: 2},
		"always overrun":     {answers: []func([]byte) [][]byte{answerLost}, err: syscall.ENOBUFS, want: syscall.ENOBUFS, opened: attempts},
		"does not answer":    {answers: []func([]byte) [][]byte{answerLost}, err: io.ErrNoProgress, want: io.ErrNoProgress, opened: 1},
		"no inet_diag":       {answers: []func([]byte) [][]byte{answerUnsupported}, want: syscall.ENOENT, opened: 1},
		"too much":           {answers: []func([]byte) [][]byte{answerTooMuch}, want: errTruncated, opened: 1},
	} {
		d, opened, closed := fakeDiag(tt.err, tt.answers...)
		counts, err := d.count(t.Context())
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || err == nil && counts != good {
			t.Errorf("%s: %v, %v", name, counts, err)
		}
		if *opened != tt.opened || d.Close() != nil || *closed != *opened {
			t.Errorf("%s: %d opened, want %d, %d closed", name, *opened, tt.opened, *closed)
		}
	}
}

// A gather that nobody waits for ends, and the rest of its reply does not answer the next question.
func TestDiagCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d, _, closed := fakeDiag(nil, func(request []byte) [][]byte {
		cancel()
		return answerWell(request)
	}, answerWell)
	if _, err := d.count(ctx); !errors.Is(err, context.Canceled) || *closed != 1 {
		t.Errorf("%v, %d closed", err, *closed)
	}
	if counts, err := d.count(t.Context()); err != nil || counts[listen] != 1 {
		t.Errorf("%v, %v", counts, err)
	}
}

// newFallback counts with a fake kernel, beside the files of a recorded one.
func newFallback(t *testing.T, d *diag) (s *sockets, log *bytes.Buffer) {
	log = &bytes.Buffer{}
	s = newSockets(hostfs.At("testdata/vm-6.18"), slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if s.diag != nil {
		t.Fatal("sock_diag for recorded files")
	}
	s.diag = d
	return s, log
}

func TestFallbackToFiles(t *testing.T) {
	fromFiles, fromDiag := states{listen: 2, established: 2, timeWait: 1}, states{established: 1, synRecv: 1, listen: 1}
	for name, tt := range map[string]struct {
		answers []func([]byte) [][]byte
		want    []states // gather by gather
		opened  int
		said    int
	}{
		"no inet_diag": {[]func([]byte) [][]byte{answerUnsupported, answerWell}, []states{fromFiles, fromFiles}, 1, 1},
		"a bad moment": {[]func([]byte) [][]byte{answerTooMuch, answerWell}, []states{fromFiles, fromDiag, fromDiag}, 2, 0},
		"now and then": {
			[]func([]byte) [][]byte{answerNowAndThen()},
			[]states{fromDiag, fromFiles, fromDiag, fromFiles, fromDiag, fromFiles, fromDiag, fromFiles, fromDiag}, 5, 0,
		},
		"bad for good": {[]func([]byte) [][]byte{answerTooMuch}, []states{fromFiles, fromFiles, fromFiles, fromFiles, fromFiles}, maxFailures, 1},
	} {
		d, opened, closed := fakeDiag(nil, tt.answers...)
		s, log := newFallback(t, d)
		for i, want := range tt.want {
			counts, found, err := s.count(t.Context())
			if diff := cmp.Diff(want, counts); diff != "" || !found || err != nil {
				t.Errorf("%s, gather %d: %v %v %s", name, i, found, err, diff)
			}
		}
		if said := strings.Count(log.String(), "\n"); said != tt.said || *opened != tt.opened {
			t.Errorf("%s: %d connections, %d lines: %s", name, *opened, said, log)
		}
		if err := s.Close(); err != nil || *closed != *opened {
			t.Errorf("%s: %v, %d of %d closed", name, err, *closed, *opened)
		}
	}
}

func TestCancelledIsNoReasonForFiles(t *testing.T) {
	d, _, _ := fakeDiag(nil, answerWell)
	s, log := newFallback(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range maxFailures + 1 {
		if _, found, err := s.count(ctx); found || !errors.Is(err, context.Canceled) {
			t.Errorf("%v, %v", found, err)
		}
	}
	if s.diag == nil || log.Len() > 0 {
		t.Errorf("given up: %s", log)
	}
}

func TestOwnNetwork(t *testing.T) {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Skip(err)
	}
	for target, want := range map[string]bool{own: true, "net:[1]": false, "": false} {
		dir := plugintest.Files(t, "", map[string]string{"proc/1/ns/x": ""})
		if target != "" {
			if err := os.Symlink(target, filepath.Join(dir, "proc/1/ns/net")); err != nil {
				t.Fatal(err)
			}
		}
		if got := ownNetwork(hostfs.At(dir)); got != want {
			t.Errorf("%q is our network: %v", target, got)
		}
		if s := newSockets(hostfs.At(dir), slog.New(slog.DiscardHandler)); (s.diag != nil) != want {
			t.Errorf("%q is asked: %v", target, s.diag != nil)
		}
	}
	if !ownNetwork(hostfs.FromEnv(func(string) string { return "" })) {
		t.Error("an unmoved /proc is not ours")
	}
}
