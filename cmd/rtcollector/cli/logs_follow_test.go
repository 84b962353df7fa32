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

// shelf is a Redis of documents that come in at some time and say another.
type shelf struct {
	mu   sync.Mutex
	docs []outputs.FoundEvent
	cost time.Duration // of reading one
	most int           // that were read at once
}

func (s *shelf) put(at time.Time, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := telemetry.Event{Time: at, Message: text}
	s.docs = append(s.docs, outputs.FoundEvent{ID: strconv.Itoa(len(s.docs)), Document: eventdoc.Document{}.Fill(&e)})
}

func (s *shelf) Close() error { return nil }

func (s *shelf) ReadEvents(_ context.Context, q outputs.EventQuery, f func(outputs.FoundEvent) error) error {
	s.mu.Lock()
	docs := s.docs
	s.mu.Unlock()
	read := 0
	defer func() { s.most = max(s.most, read) }()
	if q.Last > 0 {
		docs = docs[max(0, len(docs)-q.Last):]
	}
	for _, d := range docs {
		if d.Document.Int(eventdoc.Timestamp) < q.Since.UnixMilli() {
			continue
		}
		read++
		time.Sleep(s.cost)
		if err := f(d); err != nil {
			return err
		}
	}
	return nil
}

// following runs a follower until f has returned, and returns what it printed.
func following(t *testing.T, s *shelf, q outputs.EventQuery, f func()) string {
	var out strings.Builder
	p := &printer{w: bufio.NewWriter(&out), zone: time.UTC}
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

// Clocks of senders are ahead and behind, and agents deliver late: each line is printed once.
func TestFollowWithClocksThatAreWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		printed := following(t, s, outputs.EventQuery{}, func() {
			for i, ahead := range []time.Duration{0, 5 * time.Minute, 0, time.Hour, -5 * time.Minute, 0, -14 * time.Minute} {
				s.put(time.Now().Add(ahead), "line "+strconv.Itoa(i))
				time.Sleep(3 * time.Second)
			}
			time.Sleep(time.Hour)
			s.put(time.Now(), "line 7")
			time.Sleep(time.Minute)
		})
		if n := strings.Count(printed, "\n"); n != 8 {
			t.Errorf("%d lines:\n%s", n, printed)
		}
	})
}

// What -n leaves out does not come back, however little time it is away.
func TestFollowAfterTheLastLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		for i := range 4 {
			s.put(time.Now().Add(time.Duration(i-4)*time.Second), "line "+strconv.Itoa(i))
		}
		var out strings.Builder
		p := &printer{w: bufio.NewWriter(&out), zone: time.UTC}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		q := outputs.EventQuery{Last: 2}
		if err := errors.Join(p.show(ctx, s, q), p.follow(ctx, s, q, io.Discard)); err != nil || strings.Count(out.String(), "\n") != 2 {
			t.Errorf("%v, %s", err, out.String())
		}
	})
}

// Our own clock may be ahead of all others.
func TestFollowWithAClockOfOursThatIsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		s.put(time.Now().Add(-3*time.Hour), "line 0")
		var out strings.Builder
		p := &printer{w: bufio.NewWriter(&out), zone: time.UTC}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		time.AfterFunc(30*time.Second, func() { s.put(time.Now().Add(-3*time.Hour), "line 1") })
		if err := p.show(ctx, s, outputs.EventQuery{Last: 100}); err != nil {
			t.Fatal(err)
		}
		if err := p.follow(ctx, s, outputs.EventQuery{Last: 100}, io.Discard); err != nil || strings.Count(out.String(), "\n") != 2 {
			t.Errorf("%v, %s", err, out.String())
		}
	})
}

// Where many lines come in, little of it is read again, and nothing is printed twice.
func TestFollowDoesNotReadEverythingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{cost: time.Millisecond}
		const lines = 10_000
		printed := following(t, s, outputs.EventQuery{}, func() {
			for i := range lines {
				s.put(time.Now(), "line "+strconv.Itoa(i))
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(10 * time.Second)
		})
		if n := strings.Count(printed, "\n"); n != lines {
			t.Errorf("%d lines", n)
		}
		if s.most > 4000 { // 20 seconds are 2000 lines; while they are read more come
			t.Errorf("%d were read at once", s.most)
		}
	})
}
