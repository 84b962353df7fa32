package selfstat

import (
	"sync"
	"testing"
	"time"
)

func TestGathered(t *testing.T) {
	in := new(Registry).NewInput("x")
	for _, took := range []time.Duration{3, 9, 5} {
		in.RecordGather(took, 10, 2)
	}
	if in.Gathers.Load() != 3 || in.Samples.Load() != 30 || in.Events.Load() != 6 || in.GatherTime.Load() != 17 ||
		in.LastGather.Load() != 5 || in.MaxGather.Load() != 9 {
		t.Errorf("%d gathers, %d samples, %d events, %d ns, last %d, max %d", in.Gathers.Load(), in.Samples.Load(), in.Events.Load(),
			in.GatherTime.Load(), in.LastGather.Load(), in.MaxGather.Load())
	}
}

func TestRegistryKeepsTheOrder(t *testing.T) {
	var r Registry
	a, b, out := r.NewInput("a"), r.NewInput("b"), r.NewOutput("o", 50, 60)
	ins, outs := r.Inputs(), r.Outputs()
	if len(ins) != 2 || ins[0] != a || ins[1] != b || ins[1].ID != "b" || len(outs) != 1 || outs[0] != out || out.Samples.Limit.Load() != 50 || out.Events.Limit.Load() != 60 {
		t.Errorf("%v, %v", ins, outs)
	}
}

// TestListsStayAsTheyWere: later additions do not change a list that was returned before.
func TestListsStayAsTheyWere(t *testing.T) {
	var r Registry
	for _, id := range []string{"a", "b", "c"} { // the slice has capacity for a fourth element
		r.NewInput(id)
	}
	before := append(r.Inputs(), &Input{ID: "mine"})
	r.NewInput("d")
	if before[3].ID != "mine" || r.Inputs()[3].ID != "d" {
		t.Errorf("%s, %s", before[3].ID, r.Inputs()[3].ID)
	}
}

func TestRegistryIsForManyGoroutines(t *testing.T) {
	var r Registry
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			in := r.NewInput("x")
			in.Errors.Add(1)
			for _, other := range r.Inputs() {
				other.Timeouts.Add(1)
			}
		})
	}
	wg.Wait()
	if len(r.Inputs()) != 8 {
		t.Errorf("%d inputs", len(r.Inputs()))
	}
}

func TestReasons(t *testing.T) {
	out := new(Registry).NewOutput("o", 1, 1)
	out.RecordRejected("too_old", 2)
	out.RecordRejected("other", 1)
	out.RecordRejected("too_old", 3)
	got := map[string]int64{}
	out.EachReason(func(reason string, n int64) { got[reason] = n })
	if len(got) != 2 || got["too_old"] != 5 || got["other"] != 1 || out.Rejected.Load() != 6 {
		t.Errorf("%v, %d in all", got, out.Rejected.Load())
	}
}

// Before the first success, the age counts from the registration, so that it shows how long an input or output has been failing.
func TestLastSuccessBeginsAtRegistration(t *testing.T) {
	before := time.Now().UnixNano()
	var r Registry
	if in, out := r.NewInput("i").LastSuccess.Load(), r.NewOutput("o", 1, 1).LastSuccess.Load(); in < before || out < in {
		t.Errorf("%d, %d, before both it was %d", in, out, before)
	}
}
