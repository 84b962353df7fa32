package apache

import (
	"bytes"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// balancers are the balancers of mod_proxy. The page lists them with ProxyStatus On (modules/proxy/mod_proxy.c,
// proxy_status_hook).
type balancers struct {
	server  []telemetry.Label
	workers *telemetry.Vec[string, worker]
	key     []byte  // balancer and worker of the following lines
	current *worker // of the following lines; nil: ignore them
	round   int     // counts the pages
}

// worker is a server to which a balancer sends requests.
type worker struct {
	up, busy                *telemetry.Series
	info                    *metric.Info
	elected, sent, received *telemetry.Total
	status                  string
	round                   int
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
		info:     metric.NewInfo(f, "apache_balancer_worker_info", labels...),
		up:       f.Gauge("apache_balancer_worker_up", telemetry.None, labels...),
		busy:     f.Gauge("apache_balancer_worker_busy", telemetry.None, labels...),
		elected:  f.Counter("apache_balancer_worker_elected", telemetry.None, labels...),
		sent:     f.Counter("apache_balancer_worker_sent", kilobytes, labels...),
		received: f.Counter("apache_balancer_worker_rcvd", kilobytes, labels...),
	}
}

// beginPage must be called before the lines of a page, endPage after them.
func (b *balancers) beginPage() { b.key, b.current, b.round = b.key[:0], nil, b.round+1 }

func (b *balancers) endPage(out *telemetry.Batch) { b.workers.Sweep(out) }

// addLine adds the sample of a line of a balancer: "ProxyBalancer[0]Name: balancer://pool", then
// "ProxyBalancer[0]Worker[0]Name: http://10.0.0.1", "ProxyBalancer[0]Worker[0]Elected: 7" and so on. It returns false for
// other lines.
func (b *balancers) addLine(out *telemetry.Batch, name, value []byte) bool {
	rest, isBalancer := bytes.CutPrefix(name, []byte("ProxyBalancer["))
	if !isBalancer {
		return false
	}
	_, field, _ := bytes.Cut(rest, []byte("]"))
	if string(field) == "Name" {
		b.key, b.current = append(append(b.key[:0], value...), 0), nil
		return true
	}
	if bytes.HasPrefix(field, []byte("Worker[")) {
		_, field, _ = bytes.Cut(field, []byte("]"))
		b.addWorker(out, string(field), value)
	}
	return true
}

func (b *balancers) addWorker(out *telemetry.Batch, field string, value []byte) {
	if field == "Name" {
		b.beginWorker(value)
		return
	}
	w := b.current
	if w == nil {
		return
	}
	v, isNumber := parseNumber(bytes.TrimSuffix(value, []byte("K")))
	switch {
	case field == "Status":
		b.addStatus(out, w, value)
	case !isNumber:
	case field == "Busy":
		out.Add(w.busy, v)
	case field == "Elected":
		w.elected.Add(out, v)
	case field == "Sent":
		w.sent.Add(out, v)
	case field == "Rcvd":
		w.received.Add(out, v)
	}
}

// beginWorker sets the worker of the following lines. If the page already had it, in a balancer of the same name, they are
// ignored.
func (b *balancers) beginWorker(name []byte) {
	end := bytes.IndexByte(b.key, 0) + 1
	b.key = append(b.key[:end], name...)
	b.current = telemetry.GetBytes(b.workers, b.key)
	if b.current.round == b.round {
		b.current = nil
		return
	}
	b.current.round = b.round
}

// addStatus adds the status of a worker, such as "Init Ok" or "Init Stby Err". It ends in Ok if the worker gets requests
// (modules/proxy/proxy_util.c, ap_proxy_parse_wstatus).
func (b *balancers) addStatus(out *telemetry.Batch, w *worker, status []byte) {
	w.status = reuseString(w.status, status)
	w.info.Add(out, telemetry.Label{Key: "status", Value: w.status})
	out.Add(w.up, metric.Bool(bytes.HasSuffix(status, []byte("Ok"))))
}
