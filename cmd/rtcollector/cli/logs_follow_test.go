package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// fakeEventStore holds documents that arrive at one time and carry another.
type fakeEventStore struct {
	mu       sync.Mutex
	docs     []outputs.FoundEvent
	readCost time.Duration // of one document
	maxRead  int           // documents in one call
}

func (s *fakeEventStore) add(at time.Time, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := telemetry.Event{Time: at, Message: text}
	s.docs = append(s.docs, outputs.FoundEvent{ID: strconv.Itoa(len(s.docs)), Document: eventdoc.Document{}.Fill(&e)})
}

func (s *fakeEventStore) Close() error { return nil }

func (s *fakeEventStore) ReadEvents(_ context.Context, q outputs.EventQuery, f func(outputs.FoundEvent) error) error {
	s.mu.Lock()
	docs := s.docs
	s.mu.Unlock()
	read := 0
	defer func() { s.maxRead = max(s.maxRead, read) }()
	if q.Last > 0 {
		docs = docs[max(0, len(docs)-q.Last):]
	}
	for _, d := range docs {
		if d.Document.Int(eventdoc.Timestamp) < q.Since.UnixMilli() {
			continue
		}
		read++
		time.Sleep(s.readCost)
		if err := f(d); err != nil {
			return err
		}
	}
	return nil
}

// followWhile follows a store until f returns, and returns what was printed.
func followWhile(t *testing.T, s *fakeEventStore, q outputs.EventQuery, f func()) string {
	var out strings.Builder
	p := &eventPrinter{w: bufio.NewWriter(&out), zone: time.UTC}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.follow(ctx, s, q, io.Discard) }()
	f()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return out.String()
}

// Each line is printed once, although clocks of senders are fast or slow and agents deliver late.
func TestFollowWithWrongClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeEventStore{}
		printed := followWhile(t, s, outputs.EventQuery{}, func() {
			for i, ahead := range []time.Duration{0, 5 * time.Minute, 0, time.Hour, -5 * time.Minute, 0, -14 * time.Minute} {
				s.add(time.Now().Add(ahead), "line "+strconv.Itoa(i))
				time.Sleep(3 * time.Second)
			}
			time.Sleep(time.Hour)
			s.add(time.Now(), "line 7")
			time.Sleep(time.Minute)
		})
		if n := strings.Count(printed, "\n"); n != 8 {
			t.Errorf("%d lines:\n%s", n, printed)
		}
	})
}

// Lines that -n leaves out are not printed later, even if they are recent.
func TestFollowAfterTheLastLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeEventStore{}
		for i := range 4 {
			s.add(time.Now().Add(time.Duration(i-4)*time.Second), "line "+strconv.Itoa(i))
		}
		var out strings.Builder
		p := &eventPrinter{w: bufio.NewWriter(&out), zone: time.UTC}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		q := outputs.EventQuery{Last: 2}
		if err := errors.Join(p.printFound(ctx, s, q), p.follow(ctx, s, q, io.Discard)); err != nil || strings.Count(out.String(), "\n") != 2 {
			t.Errorf("%v, %s", err, out.String())
		}
	})
}

// Our own clock may be ahead of all others.
func TestFollowWithFastLocalClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeEventStore{}
		s.add(time.Now().Add(-3*time.Hour), "line 0")
		var out strings.Builder
		p := &eventPrinter{w: bufio.NewWriter(&out), zone: time.UTC}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		time.AfterFunc(30*time.Second, func() { s.add(time.Now().Add(-3*time.Hour), "line 1") })
		if err := p.printFound(ctx, s, outputs.EventQuery{Last: 100}); err != nil {
			t.Fatal(err)
		}
		if err := p.follow(ctx, s, outputs.EventQuery{Last: 100}, io.Discard); err != nil || strings.Count(out.String(), "\n") != 2 {
			t.Errorf("%v, %s", err, out.String())
		}
	})
}

// With many lines per second, only a few are read again, and none is printed twice.
func TestFollowDoesNotReadEverythingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeEventStore{readCost: time.Millisecond}
		const lines = 10_000
		printed := followWhile(t, s, outputs.EventQuery{}, func() {
			for i := range lines {
				s.add(time.Now(), "line "+strconv.Itoa(i))
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(10 * time.Second)
		})
		if n := strings.Count(printed, "\n"); n != lines {
			t.Errorf("%d lines", n)
		}
		if s.maxRead > 4000 { // 20 seconds are 2000 lines; more arrive while they are read
			t.Errorf("%d lines were read at once", s.maxRead)
		}
	})
}
