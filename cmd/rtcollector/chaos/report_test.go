package chaos

import (
	"bufio"
	"context"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/plugins"
)

// planVariable makes this test binary an agent: it has the plan as JSON.
const planVariable = "RTC_TEST_CHAOS_AGENT"

// report is what an agent tells the campaign, on its standard output: what it wrote before it was killed is in the pipe. All fields are optional.
type report struct {
	Names  []string // of series that appear for the first time; the series are numbered in this order, from 0
	Gather *gather
	Safe   []int64 // numbers of gathers that are no longer in memory: their samples and events are written, on the disk, or counted as lost
	State  *state
}

// gather is what an input gathered. It is reported before the agent gets it.
type gather struct {
	Number  int64
	Samples []sample
	Events  []int64 // numbers of events
}

// sample is a sample of a series.
type sample struct {
	Series int
	Ms     int64
	Value  float64
}

// state is how far an agent is.
type state struct {
	Order           int   // the last order that it obeys
	Waiting, OnDisk int64 // samples and events that are not written
	Lost            tally // since its start
	Gathers         map[string]int64
}

// tally is a number of samples and a number of events.
type tally struct{ Samples, Events int64 }

func (t tally) plus(other tally) tally {
	return tally{t.Samples + other.Samples, t.Events + other.Events}
}

func (t tally) minus(other tally) tally {
	return tally{t.Samples - other.Samples, t.Events - other.Events}
}

func TestMain(m *testing.M) {
	if text := os.Getenv(planVariable); text != "" {
		if err := beAgent(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// beAgent runs an agent until its standard input ends. A line of that input is an order: its number, and whether inputs gather.
func beAgent(text string) error {
	var p plan
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	self := &selfstat.Registry{}
	r := &reporter{to: gob.NewEncoder(os.Stdout), self: self, numbers: map[*telemetry.Series]int{}}
	wrap := func(g plugins.Gatherer) plugins.Gatherer { return &recorder{Gatherer: g, reporter: r} }
	ac, err := assemble(p, self, os.Stderr, wrap)
	if err != nil {
		return err
	}
	ac.Inputs = append(ac.Inputs, agent.Input{ID: eventApp, Interval: ac.Flush, WhenFull: plugins.DropOldest, Build: func() (plugins.Input, error) {
		return plugins.Input{Gatherer: wrap(&eventSource{next: p.Life << 32})}, nil
	}})
	a, err := agent.New(ac)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			var order int
			var gathers bool
			if _, err := fmt.Sscan(lines.Text(), &order, &gathers); err != nil {
				return
			}
			r.obey(order, gathers)
		}
	}()
	go r.watch(ctx)
	return a.Run(ctx)
}

// reporter sends reports.
type reporter struct {
	self *selfstat.Registry

	mu       sync.Mutex
	to       *gob.Encoder
	order    int
	isClosed bool // inputs gather nothing, so that what is written can be compared
	numbers  map[*telemetry.Series]int
	gathers  int64
	queued   []int64 // gathers that the outputs' queues have had
}

// send sends a report. The caller holds mu.
func (r *reporter) send(what report) {
	if err := r.to.Encode(what); err != nil {
		os.Exit(1) // the campaign has ended
	}
}

func (r *reporter) obey(order int, gathers bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order, r.isClosed = order, !gathers
}

// reportGather reports a batch and returns the number of the gather.
func (r *reporter) reportGather(b *telemetry.Batch) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gathers++
	g := &gather{Number: r.gathers}
	var names []string
	for i := range b.Len() {
		s, ms, v := b.Sample(i)
		number, isKnown := r.numbers[s]
		if !isKnown {
			number = len(r.numbers)
			r.numbers[s] = number
			names = append(names, canonical(tskey.Labels(s)))
		}
		g.Samples = append(g.Samples, sample{number, ms, v})
	}
	for i := range b.Events {
		if number, ok := eventNumber(b.Events[i].App, b.Events[i].Message); ok {
			g.Events = append(g.Events, number)
		}
	}
	r.send(report{Names: names, Gather: g})
	return g.Number
}

// watch reports the state again and again.
func (r *reporter) watch(ctx context.Context) {
	for ctx.Err() == nil {
		r.reportState()
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// reportState reports the state. When nothing is in memory, everything that was queued before is safe.
func (r *reporter) reportState() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := &state{Order: r.order, Gathers: map[string]int64{}}
	for _, in := range r.self.Inputs() {
		now.Gathers[in.ID] = in.Gathers.Load()
	}
	inMemory := int64(0)
	for _, o := range r.self.Outputs() {
		inMemory += o.Samples.Count.Load() + o.Events.Count.Load()
		now.OnDisk += o.SampleDisk.Count.Load() + o.EventDisk.Count.Load()
	}
	for _, o := range r.self.Outputs() { // after what is in memory: what left it is counted by now
		n := o.Dropped.Load() + o.Rejected.Load()
		if o.Events.Limit.Load() > 0 {
			now.Lost.Events += n
		} else {
			now.Lost.Samples += n
		}
	}
	now.Waiting = inMemory
	what := report{State: now}
	if inMemory == 0 {
		what.Safe, r.queued = r.queued, nil
	}
	r.send(what)
}

// recorder reports what an input gathers.
type recorder struct {
	plugins.Gatherer
	reporter *reporter
	last     int64 // the number of the last gather; 0: there is none
}

// Gather implements plugins.Gatherer. When it is called again, the agent has put the batch into its queues.
func (r *recorder) Gather(ctx context.Context, b *telemetry.Batch) error {
	r.reporter.mu.Lock()
	if r.last != 0 {
		r.reporter.queued = append(r.reporter.queued, r.last)
		r.last = 0
	}
	isClosed := r.reporter.isClosed
	r.reporter.mu.Unlock()
	if isClosed {
		return nil
	}
	err := r.Gatherer.Gather(ctx, b)
	r.last = r.reporter.reportGather(b)
	return err
}

// Open implements plugins.Opener.
func (r *recorder) Open(ctx context.Context) error {
	if o, ok := r.Gatherer.(plugins.Opener); ok {
		return o.Open(ctx)
	}
	return nil
}

// Close implements io.Closer.
func (r *recorder) Close() error {
	if c, ok := r.Gatherer.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func canonical(labels []telemetry.Label) string {
	labels = slices.Clone(labels)
	slices.SortFunc(labels, func(a, b telemetry.Label) int { return strings.Compare(a.Key, b.Key) })
	return tskey.Canonical(labels)
}
