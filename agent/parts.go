package agent

import (
	"fmt"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
)

// Part is what is known about an input or output at one moment, for health checks.
type Part struct {
	ID          string    `json:"id"`
	State       string    `json:"state"` // one of selfstat's
	Since       time.Time `json:"since"`
	LastSuccess time.Time `json:"last_success"` // before the first, when it was added
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// Parts are the inputs and outputs of an agent.
type Parts struct {
	Inputs  []Part `json:"inputs"`
	Outputs []Part `json:"outputs"`
}

// longCall is how long a call of an output may take until it counts as failing. Outputs give up a silent destination earlier.
const longCall = 2 * time.Minute

// Parts returns the state of every input and output.
func (a *Agent) Parts() Parts {
	p := Parts{Inputs: []Part{}, Outputs: []Part{}}
	for _, in := range a.self.Inputs() {
		p.Inputs = append(p.Inputs, newPart(in.ID, &in.Condition, in.LastSuccess.Load()))
	}
	for _, out := range a.self.Outputs() {
		part := newPart(out.ID, &out.Condition, out.LastSuccess.Load())
		if began := out.CallSince.Load(); began > 0 && part.State == selfstat.Works {
			if since := time.Unix(0, began); time.Since(since) > longCall {
				part.State, part.Since, part.LastErrorAt = selfstat.Failing, since, since
				part.LastError = fmt.Sprintf("a write takes longer than %v", longCall)
			}
		}
		p.Outputs = append(p.Outputs, part)
	}
	return p
}

func newPart(id string, c *selfstat.Condition, lastSuccess int64) Part {
	r := c.Report()
	return Part{ID: id, State: r.State, Since: r.Since, LastSuccess: time.Unix(0, lastSuccess), LastError: r.LastError, LastErrorAt: r.LastErrorAt}
}
