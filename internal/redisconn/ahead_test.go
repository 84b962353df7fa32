package redisconn_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// slowServer answers a command only when release has an element, and counts how many it has read before.
type slowServer struct {
	release chan string
	unread  atomic.Int64 // answered commands are subtracted
	most    atomic.Int64
}

func (s *slowServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	commands := make(chan struct{}, 1000)
	go func() {
		for range commands {
			reply := <-s.release
			s.unread.Add(-1) // before the client can know
			if reply == "" {
				_ = conn.Close()
				return
			}
			if _, err := io.WriteString(conn, reply); err != nil {
				return
			}
		}
	}()
	defer close(commands)
	r := bufio.NewReader(conn)
	for {
		command, err := readCommand(r)
		if err != nil {
			return
		}
		if name := strings.ToLower(command[0]); name != "do" { // a greeting
			if _, err := io.WriteString(conn, map[string]string{"hello": "-ERR unknown command 'HELLO'\r\n", "ping": "+PONG\r\n"}[name]); err != nil {
				return
			}
			continue
		}
		s.most.Store(max(s.most.Load(), s.unread.Add(1)))
		commands <- struct{}{}
	}
}

func openSlow(t *testing.T) (*slowServer, *redisconn.Shards) {
	t.Helper()
	s := &slowServer{release: make(chan string, 1000)}
	config := redisconn.Defaults()
	config.ClientName = ""
	config.Host, config.Port = servicetest.HostPort(t, servicetest.ServeRaw(t, s.serve))
	client, err := redisconn.Open(t.Context(), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	shards := client.NewShards()
	t.Cleanup(shards.Close)
	return s, shards
}

func doAhead(n, ahead int, reply func(int, *redisconn.Reader) error) redisconn.Commands {
	return redisconn.Commands{
		Len: n, Ahead: ahead, Reply: reply,
		Append: func(buf []byte, _ int) []byte { return redisconn.AppendArg(redisconn.AppendCommand(buf, 1), "do") },
	}
}

func readInt(_ int, from *redisconn.Reader) error {
	_, err := from.Int()
	return err
}

// No more commands than allowed are unanswered, and all are answered.
func TestAhead(t *testing.T) {
	for _, ahead := range []int{1, 3, 500} {
		s, shards := openSlow(t)
		for range 100 {
			s.release <- ":1\r\n"
		}
		answered := 0
		err := shards.Do(t.Context(), doAhead(100, ahead, func(i int, from *redisconn.Reader) error {
			answered++
			return readInt(i, from)
		}))
		if answered != 100 || err != nil || int(s.most.Load()) > ahead {
			t.Errorf("%d ahead: %d answered, %d unanswered, %v", ahead, answered, s.most.Load(), err)
		}
	}
}

// A sender that waits for a free place ends with the connection, with the context, and after a panic.
func TestAheadEnds(t *testing.T) {
	for name, end := range map[string]func(*slowServer, context.CancelFunc, int) error{
		"closed":   func(s *slowServer, _ context.CancelFunc, _ int) error { s.release <- ""; return nil },
		"canceled": func(_ *slowServer, cancel context.CancelFunc, _ int) error { cancel(); return nil },
		"error":    func(*slowServer, context.CancelFunc, int) error { return errors.New("enough") },
		"panic":    func(*slowServer, context.CancelFunc, int) error { panic("a bug") },
		"garbage":  func(s *slowServer, _ context.CancelFunc, _ int) error { s.release <- "?\r\n"; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s, shards := openSlow(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for range 5 {
				s.release <- ":1\r\n"
			}
			err := shards.Do(ctx, doAhead(100, 2, func(i int, from *redisconn.Reader) error {
				if i == 4 {
					if err := end(s, cancel, i); err != nil {
						return err
					}
				}
				return readInt(i, from)
			}))
			if err == nil {
				t.Error("no error")
			}
			if name == "canceled" && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// A refusal does not end the others.
func TestAheadWithRefusals(t *testing.T) {
	s, shards := openSlow(t)
	for i := range 100 {
		if i%3 == 0 {
			s.release <- fmt.Sprintf("-ERR %d\r\n", i)
		} else {
			s.release <- ":1\r\n"
		}
	}
	answered := 0
	err := shards.Do(t.Context(), doAhead(100, 2, func(i int, from *redisconn.Reader) error {
		answered++
		return readInt(i, from)
	}))
	if answered != 100 || err == nil || err.Error() != "ERR 0" {
		t.Error(answered, err)
	}
}
