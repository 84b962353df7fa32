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

// Shards holds the pipes to the servers that store the keys: one to a single server, or one to each master of a cluster. It belongs to
// one goroutine.
type Shards struct {
	client *Client
	pipes  []*Pipe
	index  map[string]int // address → shard
	slots  []uint16       // slot → shard + 1; nil: unknown or out of date
	moves  uint32         // see Moves
}

// NewShards returns the pipes of a client. None is connected yet.
func (c *Client) NewShards() *Shards {
	s := &Shards{client: c, index: map[string]int{}}
	if !c.Clustered {
		s.pipes = []*Pipe{c.NewPipe()}
	}
	return s
}

// Slot returns the hash slot of a key, 0 without a cluster.
func (s *Shards) Slot(key string) int {
	if !s.client.Clustered {
		return 0
	}
	return Slot(key)
}

// Of returns the shard that serves a slot, as a number for [Shards.Pipe].
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

// ask reads from the cluster which node serves which slot.
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

// at returns the shard at an address. It makes the pipe if there is none.
func (s *Shards) at(addr string) int {
	i, ok := s.index[addr]
	if !ok {
		i = len(s.pipes)
		s.index[addr] = i
		s.pipes = append(s.pipes, NewPipe(s.client.node(addr)))
	}
	return i
}

// Each sends one command to every server that stores keys, to all at once. reply reads the reply of one of them, and may be called
// concurrently for different ones.
func (s *Shards) Each(ctx context.Context, command []byte, reply func(from *Reader) error) error {
	return s.EachPipe(ctx, func(pipe *Pipe) error { return pipe.Do(ctx, command, reply) })
}

// EachPipe calls f for every server that stores keys, for all at once.
func (s *Shards) EachPipe(ctx context.Context, f func(*Pipe) error) error {
	shards, err := s.all(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, len(shards))
	var wg sync.WaitGroup
	for i, shard := range shards {
		pipe := s.pipes[shard]
		wg.Go(func() { errs[i] = f(pipe) })
	}
	wg.Wait()
	return firstOf(errs)
}

// all returns the servers that store keys now.
func (s *Shards) all(ctx context.Context) ([]int, error) {
	if !s.client.Clustered {
		return []int{0}, nil
	}
	if s.slots == nil {
		if err := s.ask(ctx); err != nil {
			return nil, err
		}
	}
	found := map[int]struct{}{}
	for slot, shard := range s.slots {
		if shard == 0 {
			s.Stale()
			return nil, ServerError(fmt.Sprintf("CLUSTERDOWN slot %d is not served", slot))
		}
		found[int(shard)-1] = struct{}{}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// Pipe returns the pipe to a shard.
func (s *Shards) Pipe(shard int) *Pipe { return s.pipes[shard] }

// Stale reports that slots have moved. The next call of Of asks the cluster again.
func (s *Shards) Stale() {
	s.slots = nil
	s.moves++
}

// Moves returns how often Stale was called.
func (s *Shards) Moves() uint32 { return s.moves }

// Reset closes all connections of the client, also those that go-redis keeps: after a failure they may lead to a server that is gone, or
// belong to a user whose password has changed. The next use makes new ones.
func (s *Shards) Reset() {
	s.Close()
	s.client.cut()
}

// Close closes all connections of the pipes. The next use makes new ones, to the servers that store the keys then.
func (s *Shards) Close() {
	for _, p := range s.pipes {
		p.Close()
	}
	if s.client.Clustered {
		s.pipes, s.index, s.slots = nil, map[string]int{}, nil
	}
}

// Redirect is the answer of a cluster's node that does not serve a key.
type Redirect struct {
	Addr string
	Ask  bool // for this command only, which must follow ASKING
}

// ReadRedirect parses MOVED and ASK replies (Redis Cluster specification, "MOVED Redirection"). ok is false for other replies.
func ReadRedirect(reply string) (to Redirect, ok bool) {
	fields := strings.Fields(reply)
	if len(fields) != 3 || fields[0] != "MOVED" && fields[0] != "ASK" {
		return Redirect{}, false
	}
	return Redirect{Addr: fields[2], Ask: fields[0] == "ASK"}, true
}

// Commands describes commands with one key each, for [Shards.Do].
type Commands struct {
	Len    int
	Slot   func(i int) int                 // of the key; not called without a cluster
	Append func(buf []byte, i int) []byte  // appends the i-th command
	Reply  func(i int, from *Reader) error // reads its reply; see [Pipe.Exchange]. Called by one goroutine per shard
	Ahead  int                             // how many commands per shard may be unanswered; 0: as many as fit into the buffers
}

// redirects is how often a command is redirected before Do gives up. Slots may move while it follows them.
const redirects = 5

// Do sends each command to the shard of its key, to all shards at once. It follows the redirections of a cluster. Like
// [Pipe.Exchange], it returns the first refusal after all replies are read.
func (s *Shards) Do(ctx context.Context, c Commands) error {
	left, err := s.distribute(ctx, c)
	if err != nil {
		return err
	}
	for range redirects {
		var again groups
		if again, err = s.exchange(ctx, c, left); err != nil || len(again) == 0 {
			return err
		}
		left = again
	}
	return ServerError("TRYAGAIN slots keep moving")
}

// group holds the numbers of the commands for one shard.
type group struct {
	asking   bool  // send ASKING before each command
	commands []int // nil: all commands
}

type groups map[int]*group // by shard

// distribute assigns the commands to shards. Without a cluster there is one group with all commands.
func (s *Shards) distribute(ctx context.Context, c Commands) (groups, error) {
	if !s.client.Clustered {
		return groups{0: {}}, nil
	}
	all := groups{}
	for i := range c.Len {
		shard, err := s.Of(ctx, c.Slot(i))
		if err != nil {
			return nil, err
		}
		if all[shard] == nil {
			all[shard] = &group{}
		}
		all[shard].commands = append(all[shard].commands, i)
	}
	return all, nil
}

// exchange sends each group to its shard and returns the commands that were redirected.
func (s *Shards) exchange(ctx context.Context, c Commands, work groups) (groups, error) {
	var mu sync.Mutex
	var errs []error
	moved := map[int]Redirect{}
	var wg sync.WaitGroup
	for shard, g := range work {
		pipe := s.pipes[shard]
		wg.Go(func() {
			run := newRun(c, g, s.client.Clustered, func(i int, r Redirect) {
				mu.Lock()
				defer mu.Unlock()
				moved[i] = r
			})
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

// redirect assigns redirected commands to the shards that the cluster named.
func (s *Shards) redirect(moved map[int]Redirect) groups {
	again := groups{}
	for _, i := range slices.Sorted(maps.Keys(moved)) { // keeps the order of two commands for one key
		r := moved[i]
		shard := s.at(r.Addr)
		if !r.Ask {
			s.Stale()
		}
		g := again[shard]
		if g == nil {
			g = &group{}
			again[shard] = g
		}
		g.asking = g.asking || r.Ask // ASKING before a command that does not need it is harmless
		g.commands = append(g.commands, i)
	}
	return again
}

// run sends one group through one pipe.
type run struct {
	commands   Commands
	group      *group
	follows    bool // follow redirections; without a cluster, they mean that the configuration is wrong
	redirected func(i int, to Redirect)

	sent, got int
	announced bool          // the reply to ASKING was read, and the reply to the command is next
	places    chan struct{} // one element for each unanswered command; nil: no limit
	failed    chan struct{} // closed when no more replies are read
}

func newRun(c Commands, g *group, follows bool, redirected func(i int, to Redirect)) *run {
	r := &run{commands: c, group: g, follows: follows, redirected: redirected}
	if c.Ahead > 0 {
		r.places, r.failed = make(chan struct{}, c.Ahead), make(chan struct{})
	}
	return r
}

// enter waits until a command may be sent. It returns false if what was encoded must be sent first, or if nothing can be sent any more.
func (r *run) enter(mayWait bool) bool {
	if r.places == nil {
		return true
	}
	select {
	case r.places <- struct{}{}:
		return true
	default:
	}
	if !mayWait {
		return false
	}
	select {
	case r.places <- struct{}{}:
		return true
	case <-r.failed:
		return false
	}
}

func (r *run) leave() {
	if r.places != nil {
		<-r.places
	}
}

func (r *run) size() int {
	if r.group.commands == nil {
		return r.commands.Len
	}
	return len(r.group.commands)
}

func (r *run) number(n int) int {
	if r.group.commands == nil {
		return n
	}
	return r.group.commands[n]
}

const asking = "*1\r\n$6\r\nASKING\r\n"

func (r *run) next(buf []byte) ([]byte, int) {
	n := 0
	for ; r.sent < r.size() && !Full(buf) && r.enter(n == 0); r.sent++ {
		if r.group.asking {
			buf = append(buf, asking...)
			n++
		}
		buf = r.commands.Append(buf, r.number(r.sent))
		n++
	}
	return buf, n
}

func (r *run) receive(from *Reader) error {
	inOrder := false // also false after a panic
	defer func() {
		if !inOrder && r.failed != nil {
			close(r.failed)
		}
	}()
	err := r.receiveOne(from)
	inOrder = err == nil || isReply(err)
	return err
}

func (r *run) receiveOne(from *Reader) error {
	if r.group.asking && !r.announced {
		r.announced = true
		_, err := from.Item()
		return err
	}
	r.announced = false
	i := r.number(r.got)
	r.got++
	err := r.commands.Reply(i, from)
	r.leave()
	var refusal ServerError
	if errors.As(err, &refusal) {
		if to, ok := ReadRedirect(string(refusal)); ok && r.follows {
			r.redirected(i, to)
			return nil
		}
	}
	return err
}
