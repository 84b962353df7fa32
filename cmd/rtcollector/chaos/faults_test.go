package chaos

import (
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
)

// stage is where faults happen: an agent, a server, and the network between them.
type stage struct {
	node            // the server
	replica node    // takes over when the server fails
	front   *front  // in front of the server; nil: there is none
	wire    *wire   // the interface of the network; nil: it has none of its own
	disk    *volume // where the agent has its buffer; nil: in memory only

	network *redistest.Network
	agent   *process
	ledger  *ledger
	random  *rand.Rand

	startAgent func(t *testing.T)
	lost       tally // counted as lost by agents that were killed
	mayLose    bool  // a fault was one in which something may be counted as lost
}

// fault is something that goes wrong for a while. It returns what ends it.
type fault struct {
	name  string
	begin func(t *testing.T, s *stage) (end func())
}

// poison returns a fault of the network. Attributes are those of toxiproxy, drawn anew each time.
func poison(name, kind, stream string, attributes func(r *rand.Rand) map[string]int) fault {
	return fault{name, func(t *testing.T, s *stage) func() {
		s.network.Poison(t, kind, stream, attributes(s.random))
		return func() { s.network.Heal(t) }
	}}
}

// refusal returns a fault in which the server refuses every write.
func refusal(name, text string) fault {
	return fault{name, func(_ *testing.T, s *stage) func() {
		s.server.SetError(text)
		return func() { s.server.SetError("") }
	}}
}

// faults are all that can happen on this stage, without those that the campaign leaves out.
func (s *stage) faults() []fault {
	all := append(serverFaults(), processFaults()...)
	if s.front != nil {
		all = append(all, fault{"an expired certificate", expire})
	}
	if s.wire != nil {
		all = append(all, s.wire.faults()...)
	}
	if s.disk != nil && s.disk.isMounted {
		all = append(all, s.disk.faults()...)
	}
	chosen := regexp.MustCompile(*only)
	return slices.DeleteFunc(all, func(f fault) bool { return !chosen.MatchString(f.name) })
}

// serverFaults are the faults of the server and of the network.
func serverFaults() []fault {
	between := func(key string, low, high int) func(*rand.Rand) map[string]int {
		return func(r *rand.Rand) map[string]int { return map[string]int{key: low + r.IntN(high-low)} }
	}
	bytes := func(most int) func(*rand.Rand) map[string]int { // often few: what is lost then may be one reply
		return func(r *rand.Rand) map[string]int {
			return map[string]int{"bytes": int(math.Pow(float64(most), r.Float64()))}
		}
	}
	return []fault{
		poison("silence", "timeout", "downstream", func(*rand.Rand) map[string]int { return map[string]int{"timeout": 0} }),
		poison("slow link", "bandwidth", "upstream", between("rate", 50, 500)),
		poison("delay", "latency", "downstream", between("latency", 50, 900)),
		poison("resets by time", "reset_peer", "downstream", between("timeout", 1, 700)),
		poison("resets of what we send, by bytes", "limit_data", "upstream", bytes(60_000)),
		poison("resets of what we get, by bytes", "limit_data", "downstream", bytes(20_000)),
		poison("small pieces", "slicer", "upstream", func(r *rand.Rand) map[string]int {
			return map[string]int{"average_size": 20 + r.IntN(500), "size_variation": 10, "delay": 100}
		}),
		refusal("full memory", "OOM command not allowed when used memory > 'maxmemory'."),
		refusal("demoted to a replica for a while", "READONLY You can't write against a read only replica."),
		{"failover", failover},
		refusal("loading", "LOADING Redis is loading the dataset in memory"),
		refusal("changed rights", "NOPERM this user has no permissions to run the 'ts.madd' command"),
		{"killed, and back with its memory", func(t *testing.T, s *stage) func() {
			s.network.Stop()
			return func() { s.start(t) }
		}},
		{"killed, and back empty", func(t *testing.T, s *stage) func() {
			s.network.Stop()
			s.forget(t, s.server.FlushAll)
			return func() { s.start(t) }
		}},
		{"a hostile server at its address", func(t *testing.T, s *stage) func() {
			// These replies say nothing about samples. Others could say that they are stored.
			texts := []string{"text", "array of 4 GB", "map", "push", "endless nesting", "endless line", "attributes", "blob error", "negative"}
			s.network.Stop()
			s.network.Upstream = redistest.ListenHostile(t, redistest.Hostile()[texts[s.random.IntN(len(texts))]], s.random.IntN(2) == 0)
			s.start(t)
			return func() {
				s.network.Stop()
				s.network.Upstream = s.address()
				s.start(t)
			}
		}},
		{"emptied", func(t *testing.T, s *stage) func() {
			s.forget(t, s.server.FlushAll)
			return func() {}
		}},
		{"evicted keys", func(t *testing.T, s *stage) func() {
			s.network.Stop()
			s.forget(t, func() { s.evict(t) })
			s.start(t)
			return func() {}
		}},
	}
}

func (s *stage) start(t *testing.T) {
	t.Helper()
	if err := s.network.Start(); err != nil {
		t.Fatal(err)
	}
}

// forget enters into the ledger what the server has before it loses that. Meanwhile the server writes nothing.
func (s *stage) forget(t *testing.T, lose func()) {
	t.Helper()
	s.server.SetError("LOADING for a moment")
	defer s.server.SetError("")
	written, err := readAll(t.Context(), s.client)
	if err != nil {
		t.Fatal(err)
	}
	s.ledger.loses(written)
	lose()
}

// evict removes every third key, as a server with allkeys-random would. Nobody else may be connected.
func (s *stage) evict(t *testing.T) {
	t.Helper()
	s.server.SetError("")
	keys, err := s.client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	for i, key := range keys {
		if i%3 != 0 {
			continue
		}
		if err := s.client.Del(t.Context(), key).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// address returns where the server is, without the network.
func (s *stage) address() string {
	if s.front != nil {
		return s.front.addr
	}
	return s.server.Addr()
}

// deal returns the faults in another order.
func (s *stage) deal() []fault {
	all := s.faults()
	s.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// pass lets time pass: what the campaign is made of.
func (s *stage) pass(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
