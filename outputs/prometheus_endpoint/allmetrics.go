package prometheusendpoint

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/promname"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

const allMetricsPath = "/api/v1/allmetrics"

// The formats of /api/v1/allmetrics.
const (
	formatShell    = "shell"
	formatJSON     = "json"
	formatOneHost  = "prometheus"
	formatAllHosts = "prometheus_all_hosts"
)

// The sources of values.
const (
	sourceAverage = "average"
	sourceSum     = "sum"
	sourceNewest  = "as-collected"
)

// maxServer bounds the name of a reader, in bytes.
const maxServer = 200

// allRequest holds the parameters of a request.
type allRequest struct {
	format, source          string
	server                  string // whose last access counts
	prefix                  string
	timestamps, help, types bool
}

// parseAllRequest reads the parameters as Netdata 1.12 does. The error is for the client.
func parseAllRequest(q url.Values, client, prefix string) (allRequest, error) {
	isOn := func(name string) bool { return slices.Contains([]string{"yes", "true", "1"}, q.Get(name)) }
	r := allRequest{
		format: cmp.Or(q.Get("format"), formatShell), source: sourceAverage, server: client, prefix: prefix,
		timestamps: !q.Has("timestamps") || isOn("timestamps"), help: isOn("help"), types: isOn("types"),
	}
	if !slices.Contains([]string{formatShell, formatJSON, formatOneHost, formatAllHosts}, r.format) {
		return r, fmt.Errorf("format must be %s, %s, %s or %s", formatShell, formatJSON, formatOneHost, formatAllHosts)
	}
	for _, name := range []string{"source", "data", "data-source", "data_source", "datasource"} {
		switch q.Get(name) {
		case "":
		case "average":
			r.source = sourceAverage
		case "sum", "volume":
			r.source = sourceSum
		case "as collected", "as-collected", "as_collected", "ascollected", "raw":
			r.source = sourceNewest
		default:
			return r, fmt.Errorf("%s must be average, sum or as-collected", name)
		}
	}
	if q.Has("server") {
		r.server = cmp.Or(q.Get("server"), "default")
	}
	r.server = r.server[:min(len(r.server), maxServer)]
	if q.Has("prefix") {
		r.prefix = q.Get("prefix")[:min(len(q.Get("prefix")), maxServer)]
	}
	return r, nil
}

func (o *Output) serveAllMetrics(w http.ResponseWriter, r *http.Request) {
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	request, err := parseAllRequest(r.URL.Query(), client, o.config.Prefix)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var page []byte
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	switch request.format {
	case formatShell:
		page = o.shellPage(request)
	case formatJSON:
		w.Header().Set("Content-Type", "application/json")
		page, err = json.Marshal(o.jsonPage())
		if err != nil { // all numbers are finite
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	default:
		w.Header().Set("Content-Type", textType)
		page = o.prometheusPage(request)
	}
	_, _ = w.Write(page)
}

// eachOf calls f for the series of this host, or of all hosts, in the order of the page.
func (o *Output) eachOf(allHosts bool, f func(*entry)) {
	s := o.store
	s.sweep(time.Now())
	for _, family := range s.families {
		for _, e := range family.entries {
			if allHosts || e.series.Host() == o.host {
				f(e)
			}
		}
	}
}

// dimension returns what distinguishes a series from the others of its metric.
func dimension(series *telemetry.Series) string {
	var values []string
	for _, l := range series.Instance() {
		values = append(values, strings.ToValidUTF8(l.Value, "\uFFFD"))
	}
	return cmp.Or(strings.Join(values, "_"), "value")
}

// shellPage returns a page that a shell can evaluate: a variable for each series and, for each metric, the sum of its series.
func (o *Output) shellPage(r allRequest) []byte {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	var page []byte
	written := map[string]bool{}
	write := func(v float64, parts ...string) {
		name := shellName(strings.Join(parts, "_"))
		if !written[name] {
			written[name] = true
			page = append(append(page, name...), `="`...)
			page = append(strconv.AppendFloat(page, math.Round(v), 'f', 0, 64), "\"\n"...)
		}
	}
	var family *family
	var total float64
	end := func() {
		if family != nil {
			write(total, r.prefix, family.name, "VISIBLETOTAL")
		}
	}
	o.eachOf(false, func(e *entry) {
		if e.family != family {
			end()
			family, total = e.family, 0
		}
		if isFinite(e.value) {
			total += e.value
			write(e.value, r.prefix, e.family.name, dimension(e.series))
		}
	})
	end()
	return page
}

// shellName returns a name of a variable: upper case, digits and '_'.
func shellName(text string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '_'
	}, text)
	if '0' <= name[0] && name[0] <= '9' {
		return "_" + name
	}
	return name
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

type (
	jsonChart struct {
		Name        string                   `json:"name"`
		Context     string                   `json:"context"`
		Units       string                   `json:"units"`
		LastUpdated int64                    `json:"last_updated"` // seconds
		Dimensions  map[string]jsonDimension `json:"dimensions"`
	}
	jsonDimension struct {
		Name  string          `json:"name"`
		Value json.RawMessage `json:"value"` // a number or null
	}
)

// jsonPage returns the metrics by their names.
func (o *Output) jsonPage() map[string]*jsonChart {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	page := map[string]*jsonChart{}
	o.eachOf(false, func(e *entry) {
		name := e.family.name
		chart := page[name]
		if chart == nil {
			units := strings.ToValidUTF8(string(e.series.Unit()), "\uFFFD")
			chart = &jsonChart{Name: name, Context: name, Units: units, Dimensions: map[string]jsonDimension{}}
			page[name] = chart
		}
		chart.LastUpdated = max(chart.LastUpdated, e.ms/1000)
		id := dimension(e.series)
		if _, ok := chart.Dimensions[id]; ok {
			return
		}
		value := json.RawMessage("null")
		if isFinite(e.value) {
			value = strconv.AppendFloat(nil, e.value, 'f', 7, 64)
		}
		chart.Dimensions[id] = jsonDimension{id, value}
	})
	return page
}

// block is a metric on a page with its lines. Several metrics may get the same name.
type block struct {
	kind, help string
	lines      []string
}

// prometheusPage returns the page of this host, or of all hosts with the label instance. Averages and sums are those of the samples since
// the reader last read; counters have none, because their rates are series of their own.
func (o *Output) prometheusPage(r allRequest) []byte {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	allHosts := r.format == formatAllHosts
	host := o.host
	if allHosts {
		host = "*"
	}
	index, number := o.readers.find(r.server, host)
	blocks := map[string]*block{}
	written := map[string]bool{}
	o.eachOf(allHosts, func(e *entry) {
		isCounter := e.series.Kind() == telemetry.Counter
		value, kind := e.value, "gauge"
		if r.source == sourceNewest {
			if isCounter {
				kind = "counter"
			}
		} else {
			sum, count := e.readWindow(index, number)
			if isCounter || count == 0 {
				return
			}
			if value = sum; r.source == sourceAverage {
				value = sum / float64(count)
			}
		}
		name := allName(r, e.family.name, e.series.Unit(), isCounter)
		head := string(appendHead(nil, name, hostLabels(e.series, allHosts)))
		if written[head] {
			return
		}
		written[head] = true
		b := blocks[name]
		if b == nil {
			b = &block{kind: kind, help: e.family.help}
			blocks[name] = b
		}
		if b.kind != kind {
			b.kind = "untyped"
		}
		line := head + " " + strconv.FormatFloat(value, 'g', -1, 64)
		if r.timestamps {
			line += " " + strconv.FormatInt(e.ms, 10)
		}
		b.lines = append(b.lines, line)
	})
	var page []byte
	for _, name := range slices.Sorted(maps.Keys(blocks)) {
		b := blocks[name]
		if r.help {
			page = appendComment(page, "HELP", name, b.help, false)
		}
		if r.types {
			page = appendComment(page, "TYPE", name, b.kind, false)
		}
		for _, line := range b.lines {
			page = append(append(page, line...), '\n')
		}
	}
	return page
}

// allName returns the name of a metric: PREFIX_NAME for the newest sample, with _total for counters, else PREFIX_NAME_UNITS_average or
// _sum.
func allName(r allRequest, name string, unit telemetry.Unit, isCounter bool) string {
	if r.prefix != "" {
		name = r.prefix + "_" + name
	}
	switch {
	case r.source != sourceNewest:
		name += unitPart(string(unit)) + "_" + r.source
	case isCounter && !strings.HasSuffix(name, "_total"):
		name += "_total"
	}
	return promname.Metric(name)
}

// unitPart returns the part of a name for a unit: "%" is _percent, and "/s" at the end is _persec.
func unitPart(unit string) string {
	if unit == "" {
		return ""
	}
	if unit == "%" {
		return "_percent"
	}
	rest, isRate := strings.CutSuffix(unit, "/s")
	if !isRate || rest == "" {
		return "_" + unit
	}
	return "_" + rest + "_persec"
}

// hostLabels returns the labels of a series without host. Pages of all hosts have it as instance.
func hostLabels(series *telemetry.Series, asInstance bool) []telemetry.Label {
	var labels []telemetry.Label
	for _, l := range series.Labels() {
		if l.Key == "host" {
			continue
		}
		if l.Key == "instance" && asInstance {
			l.Key = "exported_instance"
		}
		labels = append(labels, l)
	}
	if asInstance {
		labels = append(labels, telemetry.Label{Key: "instance", Value: series.Host()})
	}
	labels, _ = promname.Labels(labels)
	return labels
}
