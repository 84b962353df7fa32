package remotename

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
)

// fakeResolver answers from maps after a second. A real resolver cannot be made slow and broken at will; TestRealPTR uses one.
type fakeResolver struct {
	mu      sync.Mutex
	names   map[string][]string
	addrs   map[string][]string
	failure error
	asked   int
	running int
	most    int // look-ups at the same time
}

func (r *fakeResolver) enter(ctx context.Context) error {
	r.mu.Lock()
	r.asked++
	r.running++
	r.most = max(r.most, r.running)
	failure := r.failure
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.running--
		r.mu.Unlock()
	}()
	select {
	case <-time.After(time.Second):
		return failure
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *fakeResolver) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if names := r.names[addr]; names != nil {
		return names, nil
	}
	return nil, &net.DNSError{IsNotFound: true}
}

func (r *fakeResolver) LookupNetIP(ctx context.Context, _, host string) (addrs []netip.Addr, err error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	for _, a := range r.addrs[host] {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	if addrs == nil {
		return nil, &net.DNSError{IsNotFound: true}
	}
	return addrs, nil
}

func testResolver() *fakeResolver {
	return &fakeResolver{
		names: map[string][]string{"203.0.113.1": {"Host.example."}, "203.0.113.2": {"liar.example."}, "203.0.113.3": {"no.example.", "evil\x1b.example.", "a..b", "second.example."},
			"10.0.0.9": {"nas.lan."}, "2001:db8::1": {"six.example."}},
		addrs: map[string][]string{"host.example.": {"203.0.113.9", "::ffff:203.0.113.1"}, "liar.example.": {"203.0.113.9"}, "second.example.": {"203.0.113.3"}, "nas.lan.": {"10.0.0.9"}, "six.example.": {"2001:db8::1"}},
	}
}

func ptrConn(addr string) Conn {
	return Conn{Proto: connlog.TCP, Remote: netip.AddrPortFrom(netip.MustParseAddr(addr), 443)}
}

func TestPTR(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewPTR(testResolver())
		defer n.Close()
		want := map[string]string{"203.0.113.1": "host.example", "::ffff:203.0.113.1": "host.example", "203.0.113.2": "", "203.0.113.3": "second.example", "203.0.113.4": "",
			"10.0.0.9": "nas.lan", "2001:db8::1": "six.example"}
		for addr := range want {
			if got, final := n.Lookup(ptrConn(addr)); final || got.Name != "" {
				t.Errorf("%s: %+v, %v before the answer", addr, got, final)
			}
		}
		time.Sleep(10 * time.Second) // of the bubble
		for addr, name := range want {
			got, final := n.Lookup(ptrConn(addr))
			if !final || got.Name != name || name != "" && got.Source != connlog.FromPTR {
				t.Errorf("%s: %+v, %v", addr, got, final)
			}
		}
		if s := n.Stats(); s.PTRQueries != 6 || s.PTRFailures != 0 || s.Addresses != 6 {
			t.Errorf("%+v", s)
		}
	})
}

func TestPTRNeverAsksForLocalAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := testResolver()
		n := NewPTR(r)
		defer n.Close()
		for _, addr := range []string{"127.0.0.1", "::1", "0.0.0.0", "::", "169.254.1.1", "fe80::1%lo", "224.0.0.1", "ff02::fb", "::ffff:127.0.0.1"} {
			if got, final := n.Lookup(ptrConn(addr)); !final || got.Name != "" {
				t.Errorf("%s: %+v, %v", addr, got, final)
			}
		}
		if got, final := n.Lookup(Conn{}); !final || got.Name != "" {
			t.Errorf("no address: %+v, %v", got, final)
		}
		synctest.Wait()
		if r.asked != 0 {
			t.Errorf("%d look-ups", r.asked)
		}
	})
}

// Answers, also negative ones, are asked for again after their time only. Meanwhile the old name stays.
func TestPTRCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := testResolver()
		n := NewPTR(r)
		defer n.Close()
		ask := func(addr string, wantName string, wantQueries uint64) {
			t.Helper()
			n.Lookup(ptrConn(addr))
			time.Sleep(10 * time.Second)
			got, final := n.Lookup(ptrConn(addr))
			if s := n.Stats(); got.Name != wantName || !final || s.PTRQueries != wantQueries {
				t.Errorf("%s: %+v, %v, %+v", addr, got, final, s)
			}
		}
		ask("203.0.113.1", "host.example", 1)
		ask("203.0.113.4", "", 2)
		time.Sleep(ptrNoName - 30*time.Second)
		ask("203.0.113.4", "", 2)
		time.Sleep(30 * time.Second)
		ask("203.0.113.4", "", 3)
		ask("203.0.113.1", "host.example", 3)
		time.Sleep(ptrLife)
		r.failure = errors.New("the server failed")
		if got, final := n.Lookup(ptrConn("203.0.113.1")); got.Name != "host.example" || !final {
			t.Errorf("%+v, %v", got, final)
		}
		ask("203.0.113.1", "host.example", 4)
		ask("203.0.113.5", "", 5)
		if s := n.Stats(); s.PTRFailures != 2 {
			t.Errorf("%+v", s)
		}
		time.Sleep(ptrAfterFail)
		ask("203.0.113.5", "", 6)
	})
}

// A resolver that hangs delays nobody: look-ups end after their time, what does not fit in the queue is counted.
func TestPTRIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := testResolver()
		n := NewPTR(r)
		start := time.Now()
		for i := range 20_000 {
			n.Lookup(Conn{Proto: connlog.TCP, Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), 443)})
		}
		if time.Since(start) > 0 {
			t.Error("Lookup waited")
		}
		s := n.Stats()
		if s.PTRRejected < 20_000-ptrQueue-ptrWorkers || s.Addresses > ptrQueue+ptrWorkers {
			t.Errorf("%+v", s)
		}
		synctest.Wait()
		n.Close() // cancels what runs
		if r.most > ptrWorkers || time.Since(start) > 0 {
			t.Errorf("%d look-ups at the same time, closed after %v", r.most, time.Since(start))
		}
	})
}

func TestPTRTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewPTR(hangingResolver{})
		defer n.Close()
		n.Lookup(ptrConn("203.0.113.1"))
		time.Sleep(ptrTimeout + time.Second)
		if got, final := n.Lookup(ptrConn("203.0.113.1")); got.Name != "" || !final || n.Stats().PTRFailures != 1 {
			t.Errorf("%+v, %v, %+v", got, final, n.Stats())
		}
	})
}

type hangingResolver struct{ Resolver }

func (hangingResolver) LookupAddr(ctx context.Context, _ string) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
