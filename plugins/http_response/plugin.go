// Package httpresponse sends requests to URLs and reports whether, how and how fast they answer.
//
// config.go has the settings. probe.go sends a request and compares the answer, with match.go for JSON. trace.go measures the phases of
// a request, and turns.go limits how many probes connect at once. result.go classifies errors, and event.go reports changes.
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

	bodyField string // of an event with each answer; "": no events

	position float64       // in the list of probes, from 0 to 1
	keepTime time.Duration // how long a connection is kept; 0: not at all
	closeAt  time.Time     // when the current connection is closed
}

// series are the series of one URL.
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
		env.Log.Warn("no URL is listed, so nothing is requested: list some under urls")
	}
	if c.InsecureSkipVerify {
		c.TLS.InsecureSkipVerify = true
	}
	in := &input{want: expected{status: c.StatusCode, json: c.JSONMatch, maxBody: int64(c.BodyMaxSize)}}
	if c.StringMatch != "" {
		if in.want.text, err = regexp.Compile(c.StringMatch); err != nil {
			return nil, err
		}
	}
	for i, a := range all {
		p := newProbe(env, &c, a)
		p.keepTime = time.Duration(c.KeepConnections)
		p.position = float64(i) / float64(len(all))
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
	turns := newConnectTurns(len(in.probes))
	crew.Each(in.probes, func(p *probe) { p.sendRequest(ctx, &in.want, turns) })
	var errs []error
	for _, p := range in.probes {
		if errors.Is(p.answer.err, context.Canceled) {
			errs = append(errs, p.answer.err) // an error of the agent, not a result of the target
			continue
		}
		p.addSamples(out)
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

func (p *probe) sendRequest(ctx context.Context, want *expected, turns *connectTurns) {
	p.closeOldConnection()
	done := turns.waitTurn(ctx)
	defer done()
	p.answer = requestAnswer(ctx, p.Target, want, &p.body, done)
}

// closeOldConnection closes a connection that was kept long enough. The first connection of each probe is closed earlier, at different times, so
// that the probes do not all reconnect at once.
func (p *probe) closeOldConnection() {
	now := time.Now()
	switch {
	case p.keepTime == 0, now.Before(p.closeAt):
	case p.closeAt.IsZero():
		p.closeAt = now.Add(time.Duration((1 - p.position) * float64(p.keepTime)))
	default:
		p.Close()
		p.closeAt = now.Add(p.keepTime)
	}
}

func (p *probe) addSamples(out *telemetry.Batch) {
	a, s := &p.answer, &p.series
	p.addEvents(out)
	out.Add(s.code, float64(a.result))
	p.outcome.Add(out, telemetry.Label{Key: "result", Value: a.result.String()})
	if !a.expires.IsZero() {
		out.Add(s.expiry, time.Until(a.expires).Seconds())
	}
	if a.status == 0 {
		return
	}
	out.Add(s.total, a.total.Seconds())
	addDuration(out, s.firstByte, a.times.firstByte)
	addDuration(out, s.dns, a.times.dns)
	addDuration(out, s.connect, a.times.connect)
	addDuration(out, s.tls, a.times.tls)
	out.Add(s.status, float64(a.status))
	out.Add(s.length, float64(a.length))
	out.Add(s.version, a.version)
	if a.tls > 0 {
		out.Add(s.tlsVersion, a.tls)
	}
	out.Add(s.statusMatch, metric.Bool(a.statusMatches))
	out.Add(s.stringMatch, metric.Bool(a.hasText))
	out.Add(s.jsonMatch, metric.Bool(a.hasJSON))
}

// addDuration adds the duration of a part of the request. A negative duration means that there was none.
func addDuration(out *telemetry.Batch, s *telemetry.Series, took time.Duration) {
	if took >= 0 {
		out.Add(s, took.Seconds())
	}
}
