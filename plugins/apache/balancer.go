package apache

import (
	"bytes"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// balancers are those of mod_proxy, which are on the page with ProxyStatus On (modules/proxy/mod_proxy.c, proxy_status_hook).
type balancers struct {
	server  []telemetry.Label
	workers *telemetry.Vec[string, worker]
	key     []byte // balancer and worker, of the lines that follow
	at      *worker
	round   int
}

// worker is one that a balancer gives requests to.
type worker struct {
	up, busy            *telemetry.Series
	info                *metric.Info
	elected, sent, rcvd *telemetry.Total
	status              string
	round               int
}

func newBalancers(f *telemetry.Factory, server []telemetry.Label) *balancers {
	b := &balancers{server: server}
	b.workers = telemetry.NewVec(f, b.newWorker)
	return b
}

func (b *balancers) newWorker(f *telemetry.Factory, key string) worker {
	const kilobytes = telemetry.Unit("kilobytes")
	balancer, name, _ := strings.Cut(key, "\x00")
	labels := append(slices.Clone(b.server), telemetry.Label{Key: "balancer", Value: strings.TrimPrefix(balancer, "balancer://")}, telemetry.Label{Key: "worker", Value: name})
	return worker{
		info:    metric.NewInfo(f, "apache_balancer_worker_info", labels...),
		up:      f.Gauge("apache_balancer_worker_up", telemetry.None, labels...),
		busy:    f.Gauge("apache_balancer_worker_busy", telemetry.None, labels...),
		elected: f.Counter("apache_balancer_worker_elected", telemetry.None, labels...),
		sent:    f.Counter("apache_balancer_worker_sent", kilobytes, labels...),
		rcvd:    f.Counter("apache_balancer_worker_rcvd", kilobytes, labels...),
	}
}

// begin begins a page, end ends it.
func (b *balancers) begin() { b.key, b.at, b.round = b.key[:0], nil, b.round+1 }

func (b *balancers) end(out *telemetry.Batch) { b.workers.Sweep(out) }

// add takes a line: "ProxyBalancer[0]Name: balancer://pool", then "ProxyBalancer[0]Worker[0]Name: http://10.0.0.1",
// "ProxyBalancer[0]Worker[0]Elected: 7" and so on. It says whether it was one.
func (b *balancers) add(out *telemetry.Batch, name, value []byte) bool {
	rest, isOurs := bytes.CutPrefix(name, []byte("ProxyBalancer["))
	if !isOurs {
		return false
	}
	_, what, _ := bytes.Cut(rest, []byte("]"))
	if string(what) == "Name" {
		b.key, b.at = append(append(b.key[:0], value...), 0), nil
		return true
	}
	if bytes.HasPrefix(what, []byte("Worker[")) {
		_, what, _ = bytes.Cut(what, []byte("]"))
		b.addWorker(out, string(what), value)
	}
	return true
}

func (b *balancers) addWorker(out *telemetry.Batch, what string, value []byte) {
	if what == "Name" {
		b.begins(value)
		return
	}
	w := b.at
	if w == nil {
		return
	}
	v, isNumber := number(bytes.TrimSuffix(value, []byte("K")))
	switch {
	case what == "Status":
		b.addStatus(out, w, value)
	case !isNumber:
	case what == "Busy":
		out.Add(w.busy, v)
	case what == "Elected":
		w.elected.Add(out, v)
	case what == "Sent":
		w.sent.Add(out, v)
	case what == "Rcvd":
		w.rcvd.Add(out, v)
	}
}

// begins finds the worker that the next lines are about; nil if it was on this page before, in a balancer of the same name.
func (b *balancers) begins(name []byte) {
	end := bytes.IndexByte(b.key, 0) + 1
	b.key = append(b.key[:end], name...)
	b.at = telemetry.GetBytes(b.workers, b.key)
	if b.at.round == b.round {
		b.at = nil
		return
	}
	b.at.round = b.round
}

// addStatus takes "Init Ok" or "Init Stby Err": Ok is there when the worker gets requests (modules/proxy/proxy_util.c,
// ap_proxy_parse_wstatus).
func (b *balancers) addStatus(out *telemetry.Batch, w *worker, status []byte) {
	w.status = kept(w.status, status)
	w.info.Add(out, telemetry.Label{Key: "status", Value: w.status})
	out.Add(w.up, metric.Bool(bytes.HasSuffix(status, []byte("Ok"))))
}
