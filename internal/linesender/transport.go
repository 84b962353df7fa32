package linesender

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

const (
	// chunkSize is how many bytes are collected before they are written.
	chunkSize = 64 << 10

	// refusalTime is how long a refusal of a datagram (ICMP) may take.
	refusalTime = 50 * time.Millisecond

	// datagramSize is the limit of a datagram, so that it fits into an Ethernet frame with IPv6.
	datagramSize = 1432
)

// stream sends lines over connections. When a destination fails, the next one in the list takes over.
type stream struct {
	kind       Kind
	config     Config
	places     []place
	env        Env
	format     Format
	hasAnswers bool // what the destination sends are error messages about single lines

	link  *link // nil: not connected
	at    int   // the place of the link
	first int   // where connecting begins; not 0 after a place that connects has failed
	tried time.Time
	fresh bool // the link has not served a write yet

	buf     []byte
	ends    []int64 // for each point of a write, the end of its line on the wire
	refused refusals

	warnedAnswers, warnedClosing bool
}

func (s *stream) open(ctx context.Context) error { return s.connect(ctx) }

func (s *stream) describe(context.Context) (notes, warnings []string) {
	if s.link == nil {
		return nil, nil
	}
	return []string{"connected to " + s.places[s.at].String() + "; receivers do not confirm what they store"}, nil
}

func (s *stream) close() error {
	if s.link == nil {
		return nil
	}
	err := s.link.close()
	s.link = nil
	return err
}

// connect makes a connection to the first destination that accepts one, or returns to a preferred one when it is time.
func (s *stream) connect(ctx context.Context) error {
	if s.link != nil && s.link.isClosed() {
		s.collectAnswers()
		s.noticeClosing()
		if s.link.wire.isDatagram() { // it refused the last datagram, and making a connection would not show that
			s.first = (s.at + 1) % len(s.places)
		}
		_ = s.close()
	}
	if s.link != nil && (s.at == 0 || time.Since(s.tried) < s.config.ReturnAfter.D()) {
		return nil
	}
	var errs []error
	for k := range s.places {
		i := (s.first + k) % len(s.places)
		if s.link != nil { // only a preferred one is better than what we have
			if i = k; i == s.at {
				break
			}
		}
		l, err := dial(ctx, s.places[i], s.config, s.env.Secrets)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			errs = append(errs, s.explain(i, err))
			continue
		}
		_ = s.close()
		switch {
		case i == 0 && s.at > 0:
			s.env.Log.Info("writing to the preferred destination again", "destination", s.places[i].String())
		case i > 0:
			s.env.Log.Warn("writing to another destination", "destination", s.places[i].String(), "preferred", s.places[0].String())
		}
		s.link, s.at, s.first, s.tried, s.fresh = l, i, 0, time.Now(), true
		return nil
	}
	s.tried = time.Now()
	if s.link != nil {
		return nil
	}
	s.first = 0
	return joinErrors(errs)
}

// joinErrors joins errors in one line.
func joinErrors(errs []error) error {
	err := errs[0]
	for _, more := range errs[1:] {
		err = fmt.Errorf("%w; %w", err, more)
	}
	return err
}

// send writes the lines of the points.
func (s *stream) send(ctx context.Context, points []point) (settled int, said refusals, err error) {
	if err := s.connect(ctx); err != nil {
		return 0, refusals{}, err
	}
	stop := context.AfterFunc(ctx, s.link.wire.abortWrites)
	rest := points
	if s.link.wire.isDatagram() && s.fresh {
		err, rest = s.probe(ctx, points[:1]), points[1:]
	}
	if err == nil {
		err = s.write(rest)
	}
	if err == nil {
		err = s.link.awaitAcknowledgement(ctx)
	}
	ended := !stop()
	settled = len(points)
	switch isDatagram := s.link.wire.isDatagram(); {
	case isDatagram && (err != nil || s.link.isClosed()): // nobody listens there, and nothing tells since when
		settled, err = 0, cmp.Or(err, s.link.readError())
	case err != nil:
		settled = s.countArrived()
	}
	s.collectAnswers()
	switch {
	case err != nil:
		err = s.explain(s.at, cmpErr(s.link, err))
		if ended {
			err = ctx.Err()
		} else {
			s.first = (s.at + 1) % len(s.places)
		}
		s.link.abort()
		s.link = nil
	case ended: // its deadlines have passed
		_ = s.close()
	default:
		s.fresh = false
	}
	s.ends = s.ends[:0]
	said, s.refused = s.refused, refusals{}
	return settled, said, err
}

// probe sends a datagram to a place that has not had one yet. A place where nobody listens accepts the first, and refuses it a little later.
func (s *stream) probe(ctx context.Context, points []point) error {
	if err := s.write(points); err != nil {
		return err
	}
	refusal := time.NewTimer(refusalTime)
	defer refusal.Stop()
	select {
	case <-s.link.closed:
		return s.link.readError()
	case <-ctx.Done():
		return ctx.Err()
	case <-refusal.C:
		return nil
	}
}

// cmpErr prefers why the destination closed the connection to "broken pipe".
func cmpErr(l *link, err error) error {
	if l.isClosed() && !errors.Is(err, os.ErrDeadlineExceeded) && l.readError() != nil {
		return l.readError()
	}
	return err
}

// write writes the lines in chunks.
func (s *stream) write(points []point) error {
	limit := chunkSize
	if s.link.wire.isDatagram() {
		limit = 0
	}
	s.buf = s.buf[:0]
	base := s.link.wire.written
	for i := range points {
		p := &points[i]
		before := len(s.buf)
		s.buf = s.format.Append(s.buf, p.line, p.ms, p.v)
		if limit == 0 && len(s.buf) > datagramSize && before > 0 {
			line := slices.Clone(s.buf[before:])
			if err := s.flush(before); err != nil {
				return err
			}
			s.buf, base = append(s.buf[:0], line...), s.link.wire.written
		}
		s.ends = append(s.ends, base+int64(len(s.buf)))
		if limit > 0 && len(s.buf) >= limit {
			if err := s.flush(len(s.buf)); err != nil {
				return err
			}
			s.buf, base = s.buf[:0], s.link.wire.written
		}
	}
	if len(s.buf) == 0 {
		return nil
	}
	return s.flush(len(s.buf))
}

// flush writes the first n bytes of the buffer. TLS adds to them, so only the end of the whole chunk is known on the wire.
func (s *stream) flush(n int) error {
	lines := bytes.Count(s.buf[:n], []byte("\n"))
	if !s.link.isTLS {
		_, err := s.link.conn.Write(s.buf[:n])
		return err
	}
	chunk := s.ends[len(s.ends)-lines:]
	for i := range chunk {
		chunk[i] = math.MaxInt64
	}
	if _, err := s.link.conn.Write(s.buf[:n]); err != nil {
		return err
	}
	for i := range chunk {
		chunk[i] = s.link.wire.written
	}
	return nil
}

// countArrived returns how many of the points' lines have arrived as a whole.
func (s *stream) countArrived() int {
	arrived := s.link.acknowledged()
	return sort.Search(len(s.ends), func(i int) bool { return s.ends[i] > arrived })
}

// collectAnswers takes what the destination has said meanwhile.
func (s *stream) collectAnswers() {
	n, first := s.link.takeAnswers()
	if n == 0 {
		return
	}
	first = terminal.Line(strings.ToValidUTF8(first, "\uFFFD"))
	if !s.hasAnswers {
		if !s.warnedAnswers {
			s.warnedAnswers = true
			s.env.Log.Warn("the destination sends something, which receivers do not: is it the right port?", "destination", s.places[s.at].String(), "text", first)
		}
		return
	}
	if s.refused.n == 0 {
		s.refused.text = fmt.Sprintf("%s answers: %s", s.places[s.at], first)
		if line := findLine(s.buf, first); line != "" {
			s.refused.text += "; the line: " + terminal.Line(line)
		}
	}
	s.refused.n += n
}

// findLine returns the first line of a chunk that has the longest word of an answer which is in the chunk. Servers quote a part of the line that
// they refuse.
func findLine(chunk []byte, answer string) string {
	found, longest := -1, 3
	for _, word := range strings.FieldsFunc(answer, func(r rune) bool { return strings.ContainsRune(" \t\"'()[]:;,", r) }) {
		if i := bytes.Index(chunk, []byte(word)); i >= 0 && len(word) > longest {
			found, longest = i, len(word)
		}
	}
	if found < 0 {
		return ""
	}
	start := bytes.LastIndexByte(chunk[:found], '\n') + 1
	line, _, _ := bytes.Cut(chunk[start:], []byte("\n"))
	return string(line)
}

// noticeClosing warns about a destination that closes the connection after its first write, because what was on the way then is lost.
func (s *stream) noticeClosing() {
	if s.fresh || s.warnedClosing || s.tried.IsZero() || s.link.wire.isDatagram() {
		return
	}
	s.warnedClosing = true
	s.env.Log.Warn("the destination has closed the connection: lines that it had not read then are lost, and receivers do not tell which",
		"destination", s.places[s.at].String())
}

// explain makes an error readable: what is wrong with which destination, and what to do.
func (s *stream) explain(at int, err error) error {
	name := s.kind.Name + " at " + s.places[at].String()
	var op *net.OpError
	var lookup *net.DNSError
	var unresolved *secret.ResolveError
	switch viaProxy := errors.As(err, &op) && strings.HasPrefix(op.Op, "socks"); {
	case errors.As(err, &unresolved):
		return fmt.Errorf("%s: %w", name, err)
	case viaProxy:
		return fmt.Errorf("%s cannot be reached through its proxy: is it running, and is socks5_proxy right?: %w", name, err)
	case tlsx.Advice(err) != "":
		return fmt.Errorf("%s %s: %w", name, tlsx.Advice(err), err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s cannot be reached: start it, or correct the address: %w", name, err)
	case errors.As(err, &lookup):
		return fmt.Errorf("%s has an unknown host name: correct the address or the name server: %w", name, err)
	case errors.Is(err, errSilent), errors.Is(err, errClosed):
		return fmt.Errorf("%s %w", name, err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s does not accept data in time: %w", name, err)
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%s has closed the connection: %w", name, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}
