package chaos

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

var (
	campaign = flag.Duration("chaos.for", 0, "how long the campaign takes; 0: a quick one")
	seed     = flag.Uint64("chaos.seed", 0, "repeats a campaign; 0: another one each time")
	only     = flag.String("chaos.only", "", "the faults to choose from, as a regular expression; empty: all")
)

const (
	// interval is that of the inputs and of the outputs.
	interval = 250 * time.Millisecond

	// roundTime is how long faults happen before the ledger is compared.
	roundTime = 35 * time.Second
)

// variant is a way to configure an agent.
type variant struct {
	name     string
	settings string // YAML at the top level
	hasDisk  bool
	hasTLS   bool
	hasWire  bool // its network is an interface of its own
	mayLose  bool // its memory is too small
}

func variants() []variant {
	return []variant{
		{name: "memory", settings: "max_buffer_size: 1000000\n", hasTLS: true, hasWire: true},
		{name: "little memory", settings: "max_buffer_size: 6000\nmax_event_buffer: 64KiB\nwarn_on_buffer: false\n", mayLose: true},
		{name: "memory and disk", hasDisk: true, hasWire: true},
	}
}

// TestChaos runs every local input against a server behind a bad network. After each round it waits until nothing is left to write, and
// compares: every sample and every event that was gathered is on the server, or was when the server was emptied, or was counted as lost, or
// was in the memory of an agent when that was killed.
//
// The server is the embedded one, because Debian has no Redis with TimeSeries. Its kill is that of its network: it keeps its memory, as a
// Redis with appendfsync=always would, or loses it. The agent is a process of its own.
func TestChaos(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	if flags := []string{"--net", "--mount"}; !isInside() && canUnshare(flags...) {
		runInside(t, flags, *campaign+10*time.Minute, chosenTests(t.Name()), "-test.parallel", fmt.Sprint(len(variants())), "-chaos.seed", fmt.Sprint(*seed), "-chaos.for", campaign.String(), "-chaos.only", *only)
		return
	}
	if isInside() {
		run(t, "ip link set lo up")
	} else {
		t.Log("no name spaces here: no interface goes away, and no disk is full or slow")
	}
	for number, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			t.Logf("to repeat this: go test ./cmd/rtcollector/chaos -run 'TestChaos/%s' -chaos.seed %d -chaos.for %v -chaos.only '%s'", strings.ReplaceAll(v.name, " ", "_"), *seed, *campaign, *only)
			a := prepare(t, v, number)
			if len(a.deal()) == 0 {
				t.Skip("no such fault here")
			}
			a.startAgent(t)
			for begin, isFirst := time.Now(), true; isFirst || time.Since(begin) < *campaign; isFirst = false {
				a.suffer(t, roundTime)
				a.mayLose = a.mayLose || v.mayLose
				if lost := a.settle(t); lost != (tally{}) && !a.mayLose {
					t.Errorf("%+v are lost", lost)
				}
				a.mayLose = false
			}
		})
	}
}

// actor is an agent and what happens to it.
type actor struct {
	stage
	log     *servicetest.Log
	counted tally // as lost, when the ledger was compared
	deck    []fault
}

// prepare sets up everything but the agent. Number is that of the variant.
func prepare(t *testing.T, v variant, number int) *actor {
	t.Helper()
	a := &actor{log: &servicetest.Log{}}
	a.stage = stage{node: newNode(t), replica: newNode(t), ledger: newLedger(), random: rand.New(rand.NewPCG(*seed, uint64(number)))}
	tls, settings := "", v.settings
	if v.hasTLS {
		a.front = newFront(t, a.server.Addr())
		tls = ", tls: {server_name: redis.chaos, ca: " + a.front.authority.File + "}"
	}
	a.network = redistest.NewNetwork(t, a.address())
	address, port, _ := strings.Cut(a.network.Listen, ":")
	if v.hasWire && isInside() {
		a.wire = newWire(number)
		address = a.wire.ours()
		a.network.Stop()
		a.network.Listen = "0.0.0.0:" + port // also while there is no interface with the address
		a.start(t)
	}
	if v.hasDisk {
		a.disk = newVolume(t)
		settings += "buffer: {memory: 4000, disk: {path: " + a.disk.folder + "/buffer, max_size: 40MiB}}\n"
	}
	server := fmt.Sprintf("host: %s, port: %s, connect_timeout: 2s, timeout: 2s%s", address, port, tls) // shorter than the faults
	yaml := configuration(interval, settings, "{redistimeseries: {"+server+"}}, {redissearch: {"+server+", storage: hash}}")
	life := int64(0)
	a.startAgent = func(t *testing.T) {
		t.Helper()
		var wrapper []string
		if a.wire != nil {
			wrapper = a.wire.wrapper()
		}
		life++
		a.agent = launch(t, plan{YAML: yaml, Run: fmt.Sprint("run", life), Life: life}, wrapper, a.log, a.ledger)
		if a.wire != nil {
			a.wire.connect(t, a.agent.cmd.Process.Pid)
		}
	}
	t.Cleanup(func() {
		if a.agent != nil {
			a.agent.stop(t)
		}
		if strings.Contains(a.log.String(), "DATA RACE") {
			t.Error("the agent has a data race")
		}
		if t.Failed() {
			t.Log(a.log)
		}
	})
	return a
}

// suffer lets faults happen for a while: each of them before one happens again.
func (a *actor) suffer(t *testing.T, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if len(a.deck) == 0 {
			a.deck = a.deal()
		}
		f, lasts := a.deck[0], time.Duration(200+a.random.IntN(3000))*time.Millisecond
		a.deck = a.deck[1:]
		t.Logf("%s for %v", f.name, lasts)
		stop := f.begin(t, &a.stage)
		a.pass(t, lasts)
		stop()
		a.pass(t, time.Duration(a.random.IntN(1500))*time.Millisecond)
	}
}

// settle waits until the agent has nothing left to write, and compares the ledger. It returns how much was counted as lost.
func (a *actor) settle(t *testing.T) (lost tally) {
	t.Helper()
	a.agent.command(t, false)
	begin, err := a.agent.state()
	if err != nil {
		t.Fatal(err)
	}
	before := maps.Clone(begin.Gathers)
	a.agent.await(t, "everything is written", func(now state) error {
		for id, n := range now.Gathers {
			if n < before[id]+2 { // the batch of the gather that was running is in the queue after one more
				return fmt.Errorf("%s still gathers", id)
			}
		}
		if now.Waiting+now.OnDisk > 0 {
			return fmt.Errorf("%d samples and events wait, %d are on the disk", now.Waiting, now.OnDisk)
		}
		lost = a.lost.plus(now.Lost)
		return nil
	})
	written, err := readAll(t.Context(), a.client)
	if err != nil {
		t.Fatal(err)
	}
	lost, a.counted = lost.minus(a.counted), lost
	a.ledger.settle(t, written, lost)
	a.server.FlushAll()
	a.agent.command(t, true)
	return lost
}
