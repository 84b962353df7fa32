package embedded

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

// TestScriptsAreUnknown guards against an interpreter, which could read files
// and run forever.
func TestScriptsAreUnknown(t *testing.T) {
	c := dial(t, start(t, Config{}))
	for _, name := range []string{"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "SCRIPT", "FUNCTION", "FCALL", "FCALL_RO", "DEBUG", "MODULE LOAD"} {
		if got := c.Line(name + " x 0"); !strings.Contains(got, "ERR unknown ") {
			t.Errorf("%s: %s", name, got)
		}
		c.Line("MULTI")
		c.Line(name + " x 0")
		c.Line("EXEC")
	}
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d ", i)
	}
	return b.String()
}

// TestRepliesDoNotWaitForHalfACommand sends half of a second command, as a slow
// link does.
func TestRepliesDoNotWaitForHalfACommand(t *testing.T) {
	c := dial(t, start(t, Config{}))
	_ = c.Conn.SetDeadline(time.Now().Add(30 * time.Second))
	c.SendRaw("PING\r\nTS.ADD a 1 1\r\n*2\r\n$4\r\nECHO\r\n$5\r\nhe")
	for _, want := range []string{`{"s":"PONG"}`, `{"i":1}`} {
		if got := resptest.Show(c.Read()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	c.SendRaw("llo\r\n")
	if got := resptest.Show(c.Read()); got != `{"b":"hello"}` {
		t.Error(got)
	}
}

// TestHugeRepliesAreRefused sends a short command with a reply that exceeds the
// memory.
func TestHugeRepliesAreRefused(t *testing.T) {
	s := start(t, Config{MaxClientBytes: 16 << 20})
	c, other := dial(t, s), dial(t, s)
	c.Do("SET", "k", strings.Repeat("v", 1<<20))
	c.Send(append([]string{"MGET"}, strings.Fields(strings.Repeat("k ", 1000))...)...)
	if said, _ := io.ReadAll(c.Reader); len(said) > 0 {
		t.Errorf("%d bytes of a reply that was too large", len(said))
	}
	other.Expect("PING", `{"s":"PONG"}`)
	for s.Stats().Clients > 1 { // until the first client is gone
	}
	if n := s.clientMemory.Used(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
}

// TestIncompleteCommandsAreBounded sends half of a large command on several
// connections. The bound holds for all of them together.
func TestIncompleteCommandsAreBounded(t *testing.T) {
	s := start(t, Config{MaxClientBytes: 8 << 20})
	half := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$30000000\r\n" + strings.Repeat("v", 2<<20)
	refused := 0
	var waiting []*resptest.Client
	for range 8 {
		c := dial(t, s)
		waiting = append(waiting, c)
		c.SendRaw(half)
	}
	for refused < 4 && s.clientMemory.Used() <= s.clientMemory.Max() {
		refused = 8 - s.Stats().Clients
	}
	if n := s.clientMemory.Used(); n > s.clientMemory.Max() {
		t.Errorf("%d bytes reserved of %d", n, s.clientMemory.Max())
	}
	said := make([]byte, 0, 100)
	for _, c := range waiting {
		c.Conn.(*net.TCPConn).CloseWrite()
		b, _ := io.ReadAll(c.Reader)
		said = append(said, b...)
	}
	if !strings.Contains(string(said), "too much memory in the buffers of all clients") {
		t.Errorf("said %q", said)
	}
	dial(t, s).Expect("PING", `{"s":"PONG"}`)
}

// TestSubscriberThatDoesNotRead expects that the server disconnects it and
// frees its messages.
func TestSubscriberThatDoesNotRead(t *testing.T) {
	s := start(t, Config{})
	sub, c := dial(t, s), dial(t, s)
	sub.Line("SUBSCRIBE news")
	message := strings.Repeat("m", 1<<20)
	for i := 0; resptest.Show(c.Do("PUBLISH", "news", message)) != `{"i":0}`; i++ {
		if i > 1000 {
			t.Fatal("it is still subscribed")
		}
	}
	for s.clientMemory.Used() > 0 {
	}
}

// TestQueuesAndWatchesAreBounded also shows that a transaction beyond the
// bounds does not run.
func TestQueuesAndWatchesAreBounded(t *testing.T) {
	c := dial(t, start(t, Config{MaxClientBytes: 4 << 20}))
	c.Line("MULTI")
	long := strings.Repeat("v", 100_000)
	for i := 0; resptest.Show(c.Do("SET", "k", long)) != resptest.OOM; i++ {
		if i > 100 {
			t.Fatal("no end")
		}
	}
	c.Expect("EXEC", `{"e":"EXECABORT Transaction discarded because of previous errors."}`)
	if got := resptest.Show(c.Do(append([]string{"WATCH"}, strings.Fields(numbers(4096+1))...)...)); got != resptest.OOM {
		t.Error(got)
	}
	c.Line("MULTI")
	c.Expect("EXEC", `{"nil":true}`)
	if got := resptest.Show(c.Do(append([]string{"SUBSCRIBE"}, strings.Fields(numbers(maxSubscriptions+1))...)...)); !strings.Contains(got, "subscribe") {
		t.Error(got)
	}
}

func TestPatternsAreBounded(t *testing.T) {
	c := dial(t, start(t, Config{}))
	pattern := strings.Repeat("*a", 1000)
	for _, cmd := range []string{"KEYS " + pattern, "SCAN 0 MATCH " + pattern, "HSCAN h 0 MATCH " + pattern, "PSUBSCRIBE " + pattern, "PUBSUB CHANNELS " + pattern} {
		c.Expect(cmd, `{"e":"ERR pattern is too long"}`)
	}
}

// TestLabelsAreBounded covers the text of labels, which the limit on series
// does not bound.
func TestLabelsAreBounded(t *testing.T) {
	s := start(t, Config{MaxLabelBytes: 1 << 20})
	c := dial(t, s)
	long := strings.Repeat("v", 100_000)
	n := 0
	for resptest.Show(c.Do("TS.CREATE", fmt.Sprint("s", n), "LABELS", "a", long)) == resptest.OK {
		n++
	}
	if n != 10 {
		t.Errorf("%d series of 100 kB, want 10 in 1 MiB", n)
	}
	c.Expect("TS.ADD s1 1 1", `{"i":1}`)
	c.Expect("TS.ALTER s1 LABELS a b", resptest.OK)
	if got := resptest.Show(c.Do("TS.ALTER", "s2", "LABELS", "a", long, "b", long, "c", long)); got != resptest.OOM {
		t.Error(got)
	}
	c.Line("DEL s0 s1")
	c.Expect("TS.CREATE again LABELS a b", resptest.OK)
	c.Line("FLUSHALL")
	if n := s.series.Usage().LabelBytes; n != 0 {
		t.Errorf("%d bytes of labels left", n)
	}
}

func TestIPv4AddressMeansIPv4(t *testing.T) {
	s, err := Listen("0.0.0.0:0", Config{Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Addr())
	if c, err := net.Dial("tcp", net.JoinHostPort("::1", port)); err == nil {
		c.Close()
		t.Error("listens on IPv6 too")
	}
}

func TestReachableAddressNeedsPassword(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "[::]:0", ":0"} {
		if s, err := Listen(addr, Config{}); !errors.Is(err, ErrExposed) {
			t.Errorf("%s: %v", addr, err)
			if err == nil {
				s.Close()
			}
		}
		s, err := Listen(addr, Config{Password: "p"})
		if err != nil {
			t.Errorf("%s with a password: %v", addr, err)
			continue
		}
		s.Close()
	}
	for _, addr := range []string{"127.0.0.1:0", "localhost:0"} {
		s, err := Listen(addr, Config{})
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		s.Close()
	}
}

// TestDeletedSamplesGiveMemoryBack leaves one sample in each chunk, which must
// not keep the size of a full one.
func TestDeletedSamplesGiveMemoryBack(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	c.Line("TS.CREATE a")
	const chunks, chunkFull, sampleBytes = 200, 128, 16
	for i := range chunks {
		words := []string{"TS.MADD"}
		for ts := range chunkFull {
			words = append(words, "a", fmt.Sprint(i*chunkFull+ts), fmt.Sprint(i))
		}
		c.Do(words...)
	}
	for i := range chunks {
		c.Line(fmt.Sprintf("TS.DEL a %d %d", i*chunkFull+1, (i+1)*chunkFull-1))
	}
	if st := s.Stats(); st.Samples != chunks || st.Bytes-s.series.Usage().FreeBytes > chunks*sampleBytes*5 {
		t.Errorf("%d samples take %d bytes", st.Samples, st.Bytes)
	}
	for i := range chunks { // the right samples are left, and more can be added
		c.Expect(fmt.Sprintf("TS.RANGE a %d %d", i*chunkFull, i*chunkFull+5), fmt.Sprintf(`{"a":[{"a":[{"i":%d},{"s":"%d"}]}]}`, i*chunkFull, i))
		c.Expect(fmt.Sprintf("TS.ADD a %d 5", i*chunkFull+2), fmt.Sprintf(`{"i":%d}`, i*chunkFull+2))
	}
	c.Expect("TS.RANGE a - + AGGREGATION count 1000000", fmt.Sprintf(`{"a":[{"a":[{"i":0},{"s":"%d"}]}]}`, 2*chunks))
}
