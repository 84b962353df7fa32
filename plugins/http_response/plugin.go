// Package httpresponse asks URLs and reports whether, how and how fast they answer.
package httpresponse

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("http_response", "whether, how and how fast URLs answer, and their certificates", defaults, build).OnRequest().Doc(readme + httpx.Readme)

type input struct {
	want   expected
	probes []*probe
}

// probe is one URL.
type probe struct {
	*httpx.Target
	log     *slog.Logger
	host    string // of this agent
	labels  []telemetry.Label
	series  series
	outcome *metric.Info
	last    result
	body    bytes.Buffer
	answer  answer

	bodyField string // of the event that an answer makes; "": it makes none

	place float64       // among all probes, from 0 to 1
	age   time.Duration // how long its connection is kept; 0: not at all
	until time.Time     // when this one has been kept long enough
}

// series are those of one URL.
type series struct {
	code, total, firstByte, dns, connect, tls, status, length, version, expiry, tlsVersion *telemetry.Series
	statusMatch, stringMatch, jsonMatch                                                    *telemetry.Series
}

func build(env plugins.Env, c Config) (*input, error) {
	all, err := httpx.ParseURLs("urls", c.URLs)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		env.Log.Warn("urls is empty: nothing is asked")
	}
	if c.InsecureSkipVerify {
		c.TLS.InsecureSkipVerify = true
	}
	in := &input{want: expected{status: c.StatusCode, json: c.JSONMatch, most: int64(c.BodyMaxSize)}}
	if c.StringMatch != "" {
		if in.want.text, err = regexp.Compile(c.StringMatch); err != nil {
			return nil, err
		}
	}
	for i, a := range all {
		p := newProbe(env, &c, a)
		p.age = time.Duration(c.KeepConnections)
		p.place = float64(i) / float64(len(all))
		in.probes = append(in.probes, p)
	}
	return in, nil
}

func newProbe(env plugins.Env, c *Config, a httpx.Address) *probe {
	method := strings.ToUpper(c.Method)
	p := &probe{
		Target: c.Target(a, env.Secrets), log: env.Log, host: env.Factory.Host(),
		labels: []telemetry.Label{{Key: "server", Value: a.HostPort()}, {Key: "method", Value: method}, {Key: "url", Value: a.String()}},
	}
	p.outcome = metric.NewInfo(env.Factory, "http_response_result", p.labels...)
	p.bodyField = c.BodyField
	p.Method, p.Body, p.Fresh, p.LocalAddr = method, c.Body, c.KeepConnections == 0, c.localAddr()
	gauge := func(name string, unit telemetry.Unit, wanted bool) *telemetry.Series {
		if !wanted {
			return nil
		}
		return env.Factory.Gauge("http_response_"+name, unit, p.labels...)
	}
	p.series = series{
		code:        gauge("result_code", telemetry.None, true),
		total:       gauge("response_time", telemetry.Seconds, true),
		firstByte:   gauge("first_byte_time", telemetry.Seconds, true),
		dns:         gauge("dns_time", telemetry.Seconds, true),
		connect:     gauge("connect_time", telemetry.Seconds, true),
		tls:         gauge("tls_time", telemetry.Seconds, true),
		status:      gauge("status_code", telemetry.None, true),
		length:      gauge("content_length", telemetry.Bytes, true),
		version:     gauge("http_version", telemetry.None, true),
		expiry:      gauge("cert_expiry", telemetry.Seconds, true),
		tlsVersion:  gauge("tls_version", telemetry.None, true),
		statusMatch: gauge("status_code_match", telemetry.None, c.StatusCode != 0),
		stringMatch: gauge("string_match", telemetry.None, c.StringMatch != ""),
		jsonMatch:   gauge("json_match", telemetry.None, len(c.JSONMatch) > 0),
	}
	return p
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	turns := newTurns(len(in.probes))
	crew.Each(in.probes, func(p *probe) { p.ask(ctx, &in.want, turns) })
	var errs []error
	for _, p := range in.probes {
		if errors.Is(p.answer.err, context.Canceled) {
			errs = append(errs, p.answer.err) // says nothing about the target
			continue
		}
		p.add(out)
		var unresolved *secret.ResolveError
		if errors.As(p.answer.err, &unresolved) {
			errs = append(errs, p.answer.err)
		}
	}
	return errors.Join(errs...)
}

// Close implements io.Closer.
func (in *input) Close() error {
	for _, p := range in.probes {
		p.Close()
	}
	return nil
}

func (p *probe) ask(ctx context.Context, want *expected, turns *turns) {
	p.renew()
	done := turns.take(ctx)
	defer done()
	p.answer = ask(ctx, p.Target, want, &p.body, done)
}

// renew gives up a connection that was kept long enough. The first is given up earlier, so that not all are made anew at once.
func (p *probe) renew() {
	now := time.Now()
	switch {
	case p.age == 0, now.Before(p.until):
	case p.until.IsZero():
		p.until = now.Add(time.Duration((1 - p.place) * float64(p.age)))
	default:
		p.Close()
		p.until = now.Add(p.age)
	}
}

func (p *probe) add(out *telemetry.Batch) {
	a, s := &p.answer, &p.series
	p.tell(out)
	out.Add(s.code, float64(a.result))
	p.outcome.Add(out, telemetry.Label{Key: "result", Value: a.result.String()})
	if !a.expires.IsZero() {
		out.Add(s.expiry, time.Until(a.expires).Seconds())
	}
	if a.status == 0 {
		return
	}
	out.Add(s.total, a.total.Seconds())
	addTook(out, s.firstByte, a.times.firstByte)
	addTook(out, s.dns, a.times.dns)
	addTook(out, s.connect, a.times.connect)
	addTook(out, s.tls, a.times.tls)
	out.Add(s.status, float64(a.status))
	out.Add(s.length, float64(a.length))
	out.Add(s.version, a.version)
	if a.tls > 0 {
		out.Add(s.tlsVersion, a.tls)
	}
	out.Add(s.statusMatch, metric.Bool(a.isWanted))
	out.Add(s.stringMatch, metric.Bool(a.hasText))
	out.Add(s.jsonMatch, metric.Bool(a.hasJSON))
}

// addTook writes how long a part took, if there was one.
func addTook(out *telemetry.Batch, s *telemetry.Series, took time.Duration) {
	if took >= 0 {
		out.Add(s, took.Seconds())
	}
}
