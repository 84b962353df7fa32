package agent

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/plugins"
)

// Functions implements plugins.Caller for all inputs: what can be called at present, by name.
func (a *Agent) Functions() (all []plugins.Function) {
	for _, c := range a.callers() {
		all = append(all, c.Functions()...)
	}
	slices.SortStableFunc(all, func(x, y plugins.Function) int { return strings.Compare(x.Name, y.Name) })
	return all
}

// Call implements plugins.Caller: the first input that has the function is called.
func (a *Agent) Call(ctx context.Context, text string) (plugins.Answer, error) {
	for _, c := range a.callers() {
		if answer, err := c.Call(ctx, text); !errors.Is(err, plugins.ErrNoFunction) {
			return answer, err
		}
	}
	return plugins.Answer{}, plugins.ErrNoFunction
}

func (a *Agent) callers() (all []plugins.Caller) {
	for _, in := range a.allInputs() {
		if c, ok := in.live.Runner.(plugins.Caller); ok {
			all = append(all, c)
		}
	}
	return all
}
