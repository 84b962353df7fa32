package netdataplugins

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/pluginsd"
	"github.com/rtcollector/rtcollector/plugins"
)

// Functions implements plugins.Caller.
func (in *input) Functions() (all []plugins.Function) {
	for _, s := range in.sessions() {
		for _, f := range s.functions() {
			all = append(all, plugins.Function{Name: f.Name, Help: f.Help, Plugin: s.name, Timeout: f.Timeout})
		}
	}
	slices.SortFunc(all, func(a, b plugins.Function) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Call implements plugins.Caller.
func (in *input) Call(ctx context.Context, text string) (plugins.Answer, error) {
	for _, s := range in.sessions() {
		for _, f := range s.functions() {
			if rest, ok := strings.CutPrefix(text, f.Name); ok && (rest == "" || rest[0] == ' ') {
				return s.call(ctx, f, text)
			}
		}
	}
	return plugins.Answer{}, plugins.ErrNoFunction
}

// sessions returns the plugins that run, by name.
func (in *input) sessions() (all []*session) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, s := range in.running {
		if live := s.live.Load(); live != nil {
			all = append(all, live)
		}
	}
	slices.SortFunc(all, func(a, b *session) int { return strings.Compare(a.name, b.name) })
	return all
}

func (r *session) functions() []pluginsd.Function {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.parser.Functions.List()
}

// call asks the plugin and waits for its answer, a second longer than the plugin may take.
func (r *session) call(ctx context.Context, f pluginsd.Function, text string) (plugins.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, f.Timeout+time.Second)
	defer cancel()
	transaction := strings.ToLower(rand.Text())
	line, err := pluginsd.Call(transaction, f.Timeout, text)
	if err != nil {
		return plugins.Answer{}, err
	}
	answered := make(chan pluginsd.Answer, 1)
	r.mu.Lock()
	r.waiting[transaction] = answered
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.waiting, transaction)
		r.mu.Unlock()
	}()
	if err := r.send(ctx, line); err != nil {
		return plugins.Answer{}, fmt.Errorf("call %s of the plugin %s: %w", f.Name, r.name, err)
	}
	select {
	case a := <-answered:
		switch {
		case a.Code == 0:
			return plugins.Answer{}, fmt.Errorf("the plugin %s answered without a status", r.name)
		case a.IsCut:
			return plugins.Answer{}, fmt.Errorf("the answer of the plugin %s is longer than %d MiB", r.name, pluginsd.MaxAnswer>>20)
		}
		return plugins.Answer{Code: a.Code, ContentType: a.ContentType, Body: a.Body}, nil
	case <-r.ended:
		return plugins.Answer{}, fmt.Errorf("the plugin %s ended before it answered", r.name)
	case <-ctx.Done():
		return plugins.Answer{}, fmt.Errorf("the plugin %s %w within %v", r.name, plugins.ErrNoAnswer, f.Timeout)
	}
}

// send writes a line to the plugin, which may not read it.
func (r *session) send(ctx context.Context, line []byte) error {
	r.sending.Lock()
	defer r.sending.Unlock()
	deadline, _ := ctx.Deadline()
	if err := r.stdin.SetWriteDeadline(deadline); err != nil {
		return err
	}
	_, err := r.stdin.Write(line)
	return err
}

// deliver passes an answer to whoever waits for it. The lock is held.
func (r *session) deliver(a pluginsd.Answer) {
	if waiting := r.waiting[a.Transaction]; waiting != nil {
		waiting <- a
		delete(r.waiting, a.Transaction)
	}
}
