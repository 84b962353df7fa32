package sockets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
)

// fileLister lists sockets in text files.
type fileLister struct {
	files []*socketFile
}

// socketFile is a file with one socket a line. What is known about a list that is being read is kept here, so that reading
// allocates nothing.
type socketFile struct {
	proto Proto
	*hostfs.File
	visit func(line []byte) // visitLine

	states  States
	each    func(*Socket)
	socket  Socket
	lines   int
	badLine int // number of the first one that is not a socket; 0: none
}

func newFileLister(file func(name string) *hostfs.File) *fileLister {
	l := &fileLister{}
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		f := &socketFile{proto: TCP, File: file(name)}
		if name[0] == 'u' {
			f.proto = UDP
		}
		f.visit = f.visitLine
		l.files = append(l.files, f)
	}
	return l
}

// list lists the wanted sockets. A missing file is normal: the kernel has no IPv6. The error is ErrHidden if all files are
// missing, or empty as in a container that masks them.
func (l *fileLister) list(ctx context.Context, want Want, each func(*Socket)) error {
	var errs []error
	found := false
	for _, f := range l.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.proto == TCP && !want.TCP || f.proto == UDP && !want.UDP {
			continue
		}
		switch known, err := f.list(want.States, each); {
		case err == nil:
			found = found || known
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 && !found {
		return ErrHidden
	}
	return errors.Join(errs...)
}

// list lists the sockets of one file. known is false for an empty file.
func (f *socketFile) list(states States, each func(*Socket)) (known bool, err error) {
	f.states, f.each, f.socket, f.lines, f.badLine = states, each, Socket{Proto: f.proto}, 0, 0
	err = f.ReadLines(f.visit)
	if err == nil && f.badLine > 0 {
		err = fmt.Errorf("parse %s: line %d is not a socket", f.Path(), f.badLine)
	}
	return f.lines > 0, err
}

func (f *socketFile) visitLine(line []byte) {
	f.lines++
	if f.lines == 1 && isHeader(line) {
		return
	}
	switch state, ok := f.socket.parseLine(line); {
	case ok && isListed(state) && f.states.Has(State(state)):
		f.each(&f.socket)
	case !ok && f.badLine == 0:
		f.badLine = f.lines
	}
}

// isHeader reports whether a line is the first one of a file.
func isHeader(line []byte) bool {
	field, _ := scan.CutField(line)
	return string(field) == "sl"
}

// parseLine parses one line (Documentation/networking/proc_net_tcp.rst): the line number, both addresses, the state in
// hexadecimal, queues, timer, retransmissions, user, probes and inode. ok is false for truncated and other lines.
func (s *Socket) parseLine(line []byte) (state uint8, ok bool) {
	number, rest := scan.CutField(line)
	number, ok = bytes.CutSuffix(number, []byte{':'})
	if _, isNumber := scan.ParseUint(number); !ok || !isNumber {
		return 0, false
	}
	localField, rest := scan.CutField(rest)
	remoteField, rest := scan.CutField(rest)
	local, localPort, ok1 := parseAddress(localField)
	remote, remotePort, ok2 := parseAddress(remoteField)
	stateField, rest := scan.CutField(rest)
	number64, ok3 := scan.ParseHex(stateField)
	for range 3 {
		_, rest = scan.CutField(rest)
	}
	uidField, rest := scan.CutField(rest)
	_, rest = scan.CutField(rest)
	inodeField, _ := scan.CutField(rest)
	uid, ok4 := scan.ParseUint(uidField)
	inode, ok5 := scan.ParseUint(inodeField)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || number64 > 0xFF || uid > 0xFFFFFFFF {
		return 0, false
	}
	s.setAddresses(local, remote, localPort, remotePort)
	s.setState(uint8(number64))
	s.UID, s.Inode = uint32(uid), inode
	return uint8(number64), true
}

const (
	wordDigits = 8 // of an address; IPv4 has one word of 32 bits, IPv6 has four
	ipv6Words  = 4
)

// parseAddress parses an address and a port such as 0100007F:0016. Each word is printed as a number of the host's byte
// order.
func parseAddress(field []byte) (addr netip.Addr, port uint16, ok bool) {
	words, portField, _ := bytes.Cut(field, []byte{':'})
	number, ok := scan.ParseHex(portField)
	if !ok || number > 0xFFFF || len(words) != wordDigits && len(words) != ipv6Words*wordDigits {
		return addr, 0, false
	}
	var raw [4 * ipv6Words]byte
	size := 0
	for ; len(words) > 0; words = words[wordDigits:] {
		word, ok := scan.ParseHex(words[:wordDigits])
		if !ok {
			return addr, 0, false
		}
		binary.NativeEndian.PutUint32(raw[size:], uint32(word))
		size += 4
	}
	addr, _ = netip.AddrFromSlice(raw[:size])
	return addr, uint16(number), true
}
