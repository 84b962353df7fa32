package redisconn

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// drip sends a byte a second.
func drip(conn net.Conn, bytes int) {
	for range bytes {
		time.Sleep(time.Second)
		if _, err := conn.Write([]byte("x")); err != nil {
			return
		}
	}
}

func TestSlowReplyIsNotSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := newPatient(ours)
		go drip(theirs, 60)
		_ = p.SetReadDeadline(time.Now().Add(10 * time.Second))
		began := time.Now()
		if n, err := io.ReadFull(p, make([]byte, 60)); err != nil {
			t.Errorf("read %d bytes: %v", n, err)
		}
		if n, err := p.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read %d bytes and then: %v", n, err)
		}
		if took := time.Since(began); took != 70*time.Second {
			t.Errorf("gave up after %v, want 10 s after the last byte", took)
		}
	})
}

// A write that is under way shows that the peer is alive, also to a read, and the other way round.
func TestSlowWriteIsNotSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := newPatient(ours)
		_ = p.SetDeadline(time.Now().Add(10 * time.Second))
		began := time.Now()
		read := make(chan time.Duration)
		go func() {
			_, _ = p.Read(make([]byte, 1))
			read <- time.Since(began)
		}()
		go func() {
			for range 60 {
				time.Sleep(time.Second)
				_, _ = theirs.Read(make([]byte, 1))
			}
		}()
		n, err := p.Write(make([]byte, 100))
		if n != 60 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes written: %v", n, err)
		}
		if took := time.Since(began); took < 60*time.Second || took > 80*time.Second {
			t.Errorf("the write gave up after %v", took)
		}
		if took := <-read; took < 60*time.Second || took > 90*time.Second {
			t.Errorf("the read gave up after %v", took)
		}
	})
}

func TestAbortEndsASlowRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := newPatient(ours)
		var wg sync.WaitGroup
		wg.Go(func() { drip(theirs, 60) })
		defer wg.Wait()
		defer theirs.Close()
		_ = p.SetReadDeadline(time.Now().Add(10 * time.Second))
		began := time.Now()
		time.AfterFunc(30*time.Second+time.Millisecond, func() { _ = p.SetDeadline(time.Unix(1, 0)) })
		if _, err := io.ReadFull(p, make([]byte, 60)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(began); took > 31*time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}
