package redisconn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Shards are pipes to the servers that hold the keys: one to a single server, one to each master of a cluster. They
// belong to one goroutine.
type Shards struct {
	client *Client
	pipes  []*Pipe
	index  map[string]int // address → shard
	slots  []uint16       // slot → shard + 1; nil: not asked yet, or out of date
	moves  uint32
}

// NewShards returns the pipes of a client; none is connected yet.
func (c *Client) NewShards() *Shards {
	s := &Shards{client: c, index: map[string]int{}}
	if !c.Clustered {
		s.pipes = []*Pipe{c.NewPipe()}
	}
	return s
}

// Slot is the hash slot of a key, 0 for all where there is no cluster.
func (s *Shards) Slot(key string) int {
	if !s.client.Clustered {
		return 0
	}
	return Slot(key)
}

// Of returns the shard that holds a slot, as a number for [Shards.Pipe].
func (s *Shards) Of(ctx context.Context, slot int) (int, error) {
	if !s.client.Clustered {
		return 0, nil
	}
	if s.slots == nil {
		if err := s.ask(ctx); err != nil {
			return 0, err
		}
	}
	if s.slots[slot] == 0 {
		s.Stale()
		return 0, ServerError(fmt.Sprintf("CLUSTERDOWN slot %d is not served", slot))
	}
	return int(s.slots[slot]) - 1, nil
}

// ask reads which node serves which slot.
func (s *Shards) ask(ctx context.Context) error {
	ranges, err := s.client.ClusterSlots(ctx).Result()
	if err != nil {
		return err
	}
	slots := make([]uint16, Slots)
	for _, r := range ranges {
		if len(r.Nodes) == 0 {
			continue
		}
		shard := uint16(s.at(r.Nodes[0].Addr)) + 1
		for i := max(r.Start, 0); i <= min(r.End, Slots-1); i++ {
			slots[i] = shard
		}
	}
	s.slots = slots
	return nil
}

// at returns the shard at an address, making its pipe.
func (s *Shards) at(addr string) int {
	i, ok := s.index[addr]
	if !ok {
		i = len(s.pipes)
		s.index[addr] = i
		s.pipes = append(s.pipes, NewPipe(s.client.node(addr)))
	}
	return i
}

// Pipe returns the pipe to a shard.
func (s *Shards) Pipe(shard int) *Pipe { return s.pipes[shard] }

// Stale says that slots have moved: where they are is asked again.
func (s *Shards) Stale() {
	s.slots = nil
	s.moves++
}

// Moves counts how often slots were found to have moved.
func (s *Shards) Moves() uint32 { return s.moves }

// Close closes all connections. The next use makes new ones, to where the keys are then.
func (s *Shards) Close() {
	for _, p := range s.pipes {
		p.Close()
	}
	if s.client.Clustered {
		s.pipes, s.index, s.slots = nil, map[string]int{}, nil
	}
}

// Redirect is where a node of a cluster sends us.
type Redirect struct {
	Addr string
	Ask  bool // for this command only, announced with ASKING
}

// ReadRedirect understands MOVED and ASK (Redis Cluster specification, "MOVED Redirection").
func ReadRedirect(reply string) (Redirect, bool) {
	fields := strings.Fields(reply)
	if len(fields) != 3 || fields[0] != "MOVED" && fields[0] != "ASK" {
		return Redirect{}, false
	}
	return Redirect{Addr: fields[2], Ask: fields[0] == "ASK"}, true
}

// Commands are commands with one key each, sent by [Shards.Do].
type Commands struct {
	Len    int
	Slot   func(i int) int                 // of the key; not called where there is no cluster
	Append func(buf []byte, i int) []byte  // appends the i-th command
	Reply  func(i int, from *Reader) error // reads its reply; see [Pipe.Exchange]. Called by one goroutine per shard
}

// redirects is how often one command is sent on before we give up: slots may move while we follow them.
const redirects = 5

// Do sends commands, each to the shard of its key, the shards side by side. Those that a cluster redirects are sent
// where it says. The first refusal is returned after all replies are read, as with [Pipe.Exchange].
func (s *Shards) Do(ctx context.Context, c Commands) error {
	left, err := s.share(ctx, c)
	if err != nil {
		return err
	}
	for range redirects {
		var again lots
		if again, err = s.exchange(ctx, c, left); err != nil || len(again) == 0 {
			return err
		}
		left = again
	}
	return ServerError("TRYAGAIN slots are moving to and fro")
}

// lot are the commands for one shard.
type lot struct {
	asking   bool
	commands []int
}

type lots map[int]*lot // by shard

// share deals the commands out; where there is no cluster all are one lot, nil, which means every command.
func (s *Shards) share(ctx context.Context, c Commands) (lots, error) {
	if !s.client.Clustered {
		return lots{0: {}}, nil
	}
	all := lots{}
	for i := range c.Len {
		shard, err := s.Of(ctx, c.Slot(i))
		if err != nil {
			return nil, err
		}
		if all[shard] == nil {
			all[shard] = &lot{}
		}
		all[shard].commands = append(all[shard].commands, i)
	}
	return all, nil
}

// exchange sends each lot to its shard and returns the commands that were redirected.
func (s *Shards) exchange(ctx context.Context, c Commands, work lots) (lots, error) {
	var mu sync.Mutex
	var errs []error
	moved := map[int]Redirect{}
	var wg sync.WaitGroup
	for shard, l := range work {
		pipe := s.pipes[shard]
		wg.Go(func() {
			run := run{commands: c, lot: l, follows: s.client.Clustered, redirected: func(i int, r Redirect) {
				mu.Lock()
				defer mu.Unlock()
				moved[i] = r
			}}
			err := pipe.Exchange(ctx, run.next, run.receive)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil || len(moved) == 0 {
		return nil, firstOf(errs)
	}
	return s.redirect(moved), nil
}

func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Shards) redirect(moved map[int]Redirect) lots {
	again := lots{}
	for _, i := range slices.Sorted(maps.Keys(moved)) { // two commands for one key stay in their order
		r := moved[i]
		shard := s.at(r.Addr)
		if !r.Ask {
			s.Stale()
		}
		l := again[shard]
		if l == nil {
			l = &lot{}
			again[shard] = l
		}
		l.asking = l.asking || r.Ask // ASKING before a command that does not need it does no harm
		l.commands = append(l.commands, i)
	}
	return again
}

// run sends one lot through one pipe.
type run struct {
	commands   Commands
	lot        *lot
	follows    bool // redirections; without a cluster they say that the configuration is wrong
	redirected func(i int, to Redirect)

	sent, got int
	announced bool // the reply to ASKING was read, that to the command is next
}

func (r *run) size() int {
	if r.lot.commands == nil {
		return r.commands.Len
	}
	return len(r.lot.commands)
}

func (r *run) number(n int) int {
	if r.lot.commands == nil {
		return n
	}
	return r.lot.commands[n]
}

const asking = "*1\r\n$6\r\nASKING\r\n"

func (r *run) next(buf []byte) ([]byte, int) {
	n := 0
	for ; r.sent < r.size() && !Full(buf); r.sent++ {
		if r.lot.asking {
			buf = append(buf, asking...)
			n++
		}
		buf = r.commands.Append(buf, r.number(r.sent))
		n++
	}
	return buf, n
}

func (r *run) receive(from *Reader) error {
	if r.lot.asking && !r.announced {
		r.announced = true
		_, err := from.Item()
		return err
	}
	r.announced = false
	i := r.number(r.got)
	r.got++
	err := r.commands.Reply(i, from)
	var refusal ServerError
	if errors.As(err, &refusal) {
		if to, ok := ReadRedirect(string(refusal)); ok && r.follows {
			r.redirected(i, to)
			return nil
		}
	}
	return err
}
