// Package redisinput reports what a Redis says about itself: one server, a Sentinel's master, or all of a cluster.
package redisinput

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("redis", "Redis, Valkey and KeyDB: INFO in full, the slow log, replicas, clusters", defaults, build).
	OnRequest().Doc(readme + redisconn.Readme)

type input struct {
	env      plugins.Env
	settings Settings
	maker    maker
	known    map[string]meaning

	client  *redisconn.Client // nil while there is none
	name    string            // of the only server, in labels; "" for a cluster
	servers *telemetry.Vec[string, *server]
	wish    wish
}

// wish is what is asked for beside INFO.
type wish struct {
	section   string // of INFO
	slowlog   bool
	histogram bool
}

func build(env plugins.Env, config Config) (*input, error) {
	in := &input{env: env, settings: config.settings(), known: meanings()}
	in.maker = maker{env.Factory, &in.settings, config.wanted()}
	in.servers = telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) *server { return newServer(in.maker.with(f), in.known, name) }).Limit(maxServers)
	return in, nil
}

// maxServers bounds the nodes of a cluster: Redis recommends at most 1000.
const maxServers = 2000

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	answers, err := in.ask(ctx)
	errs := []error{err}
	for i := range answers {
		a := &answers[i]
		s := *in.servers.Get(a.server)
		errs = append(errs, s.take(out, a))
	}
	in.servers.Sweep(out)
	return errors.Join(errs...)
}

// take adds what one server answered.
func (s *server) take(out *telemetry.Batch, a *answer) error {
	if a.info == nil {
		out.Add(s.up, 0)
		return a.err()
	}
	if err := s.add(out, a.info); err != nil {
		out.Add(s.up, 0)
		return redisconn.Explain(a.server, err)
	}
	out.Add(s.up, 1)
	s.addLines(out, a.cluster)
	if a.slowlog >= 0 {
		out.Add(s.slowlog, float64(a.slowlog))
	}
	s.histogram.add(out, a.histogram)
	s.sweep(out)
	return a.err()
}

// ask asks all servers. Where there is no connection yet, or none any more, it is made.
func (in *input) ask(ctx context.Context) ([]answer, error) {
	if err := in.connect(ctx); err != nil {
		if in.name == "" {
			return in.lost(), err
		}
		return []answer{{server: in.name, errs: []error{err}}}, nil
	}
	stop := in.client.CutOn(ctx)
	defer stop()
	var mu sync.Mutex
	var answers []answer
	wish := in.wish
	err := in.client.EachServer(ctx, func(ctx context.Context, node *redis.Client) error {
		a := askOne(ctx, node, wish)
		a.server = cmp.Or(in.name, node.Options().Addr)
		mu.Lock()
		defer mu.Unlock()
		answers = append(answers, a)
		return nil
	})
	if err != nil {
		err = in.client.Explain(ctx, err)
		in.drop()
		return in.lost(), err
	}
	slices.SortFunc(answers, func(a, b answer) int { return strings.Compare(a.server, b.server) })
	in.learn(ctx, answers)
	return answers, nil
}

// connect makes the connection if there is none.
func (in *input) connect(ctx context.Context) (err error) {
	if in.client != nil {
		return nil
	}
	if in.name, err = in.settings.Name(ctx, in.env.Secrets); err != nil {
		return err
	}
	in.wish = wish{
		section: "everything",
		slowlog: in.settings.Slowlog && in.maker.wants("slowlog_length"), histogram: in.settings.LatencyHistogram,
	}
	in.client, err = redisconn.Open(ctx, in.settings.Config, in.env.Secrets)
	return err
}

// lost are the servers that were there before, as ones that do not answer.
func (in *input) lost() []answer {
	var answers []answer
	for name := range in.servers.All() {
		answers = append(answers, answer{server: name})
	}
	slices.SortFunc(answers, func(a, b answer) int { return strings.Compare(a.server, b.server) })
	return answers
}

// learn draws conclusions for the next time: what nobody knows is not asked for again, and a connection that is broken
// is made anew. A node of a cluster that is away costs the others nothing.
func (in *input) learn(ctx context.Context, answers []answer) {
	broken := 0
	for i := range answers {
		a := &answers[i]
		if a.isOld {
			in.wish.section = "all"
		}
		in.wish.slowlog = in.wish.slowlog && !a.noSlowlog
		in.wish.histogram = in.wish.histogram && !a.noHistogram
		for n, err := range a.errs {
			var reply redis.Error
			if !errors.As(err, &reply) && a.info == nil {
				broken++
			}
			a.errs[n] = in.explain(ctx, a.server, err)
		}
	}
	if broken == len(answers) {
		in.drop()
	}
}

func (in *input) explain(ctx context.Context, server string, err error) error {
	if in.client.Clustered && ctx.Err() == nil {
		return redisconn.Explain(server, err)
	}
	return in.client.Explain(ctx, err)
}

func (in *input) drop() {
	_ = in.client.Close()
	in.client = nil
}

// Close implements io.Closer.
func (in *input) Close() error {
	if in.client != nil {
		in.drop()
	}
	return nil
}
