// Package redisinput reports the statistics of Redis and compatible servers: one server, the master that Sentinels watch,
// or all nodes of a cluster.
//
//   - config.go: the settings. plugin.go: [Plugin] and the gather; it decides which commands are sent.
//   - ask.go sends the commands to one server and collects the replies. parse.go takes INFO apart.
//   - server.go turns the replies of one server into samples. fields.go knows units and kinds of the fields of INFO.
//   - details.go, replica.go, histogram.go: the parts of a reply that need code of their own.
//   - maker.go makes the series that the user wants.
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
	env         plugins.Env
	settings    Settings
	maker       seriesMaker
	knownFields map[string]fieldSpec

	client  *redisconn.Client // nil while not connected
	name    string            // label of the only server; "" for a cluster
	servers *telemetry.Vec[string, *server]
	query   query
}

// query says what a gather asks for besides INFO.
type query struct {
	section   string // of INFO
	slowlog   bool
	histogram bool
}

func build(env plugins.Env, config Config) (*input, error) {
	in := &input{env: env, settings: config.settings(), knownFields: knownFields()}
	in.maker = seriesMaker{env.Factory, &in.settings, config.wanted()}
	in.servers = telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) *server {
		return newServer(in.maker.withFactory(f), in.knownFields, name)
	}).Limit(maxServers)
	return in, nil
}

// maxServers bounds the nodes of a cluster: Redis recommends at most 1000.
const maxServers = 2000

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	answers, err := in.askServers(ctx)
	errs := []error{err}
	for i := range answers {
		a := &answers[i]
		s := *in.servers.Get(a.server)
		errs = append(errs, s.addAnswer(out, a))
	}
	in.servers.Sweep(out)
	return errors.Join(errs...)
}

// addAnswer adds the samples of one server.
func (s *server) addAnswer(out *telemetry.Batch, a *answer) error {
	if a.info == nil {
		out.Add(s.up, 0)
		return a.joinErrors()
	}
	if err := s.addInfo(out, a.info); err != nil {
		out.Add(s.up, 0)
		return redisconn.Explain(a.server, err)
	}
	out.Add(s.up, 1)
	s.addLines(out, a.cluster)
	if a.slowlog >= 0 {
		out.Add(s.slowlog, float64(a.slowlog))
	}
	s.histogram.addReply(out, a.histogram)
	s.sweep(out)
	return a.joinErrors()
}

// askServers asks all servers for their statistics. It connects first if there is no connection.
func (in *input) askServers(ctx context.Context) ([]answer, error) {
	if err := in.connect(ctx); err != nil {
		if in.name == "" {
			return in.unansweredServers(), err
		}
		return []answer{{server: in.name, errs: []error{err}}}, nil
	}
	stop := in.client.CutOn(ctx)
	defer stop()
	var mu sync.Mutex
	var answers []answer
	query := in.query
	err := in.client.EachServer(ctx, func(ctx context.Context, node *redis.Client) error {
		a := askServer(ctx, node, query)
		a.server = cmp.Or(in.name, node.Options().Addr)
		mu.Lock()
		defer mu.Unlock()
		answers = append(answers, a)
		return nil
	})
	if err != nil {
		err = in.client.Explain(ctx, err)
		in.closeClient()
		return in.unansweredServers(), err
	}
	slices.SortFunc(answers, func(a, b answer) int { return strings.Compare(a.server, b.server) })
	in.adjustQuery(ctx, answers)
	return answers, nil
}

// connect opens the connection unless it is open.
func (in *input) connect(ctx context.Context) (err error) {
	if in.client != nil {
		return nil
	}
	if in.name, err = in.settings.Name(ctx, in.env.Secrets); err != nil {
		return err
	}
	in.query = query{
		section: "everything",
		slowlog: in.settings.Slowlog && in.maker.isWanted("slowlog_length"), histogram: in.settings.LatencyHistogram,
	}
	in.client, err = redisconn.Open(ctx, in.settings.Config, in.env.Secrets)
	return err
}

// unansweredServers returns an empty answer for every server that has series, so that each of them is reported as down.
func (in *input) unansweredServers() []answer {
	var answers []answer
	for name := range in.servers.All() {
		answers = append(answers, answer{server: name})
	}
	slices.SortFunc(answers, func(a, b answer) int { return strings.Compare(a.server, b.server) })
	return answers
}

// adjustQuery prepares the next gather. Commands that a server does not know are not sent again. The connection is closed,
// and opened again by the next gather, only if it failed for all servers: one lost node must not affect the others.
func (in *input) adjustQuery(ctx context.Context, answers []answer) {
	broken := 0
	for i := range answers {
		a := &answers[i]
		if a.isOld {
			in.query.section = "all"
		}
		in.query.slowlog = in.query.slowlog && !a.noSlowlog
		in.query.histogram = in.query.histogram && !a.noHistogram
		for n, err := range a.errs {
			var reply redis.Error
			if !errors.As(err, &reply) && a.info == nil {
				broken++
			}
			a.errs[n] = in.explainError(ctx, a.server, err)
		}
	}
	if broken == len(answers) {
		in.closeClient()
	}
}

// explainError adds to an error which server it concerns and what to do.
func (in *input) explainError(ctx context.Context, server string, err error) error {
	if in.client.Clustered && ctx.Err() == nil {
		return redisconn.Explain(server, err)
	}
	return in.client.Explain(ctx, err)
}

func (in *input) closeClient() {
	_ = in.client.Close()
	in.client = nil
}

// Close implements io.Closer.
func (in *input) Close() error {
	if in.client != nil {
		in.closeClient()
	}
	return nil
}
