package netdataplugins

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/pluginsd"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// maxWaiting is how many samples wait for the next gather. Plugins that collect more often than the agent gathers need several for each series.
const maxWaiting = 1_000_000

// keptRoom is how much room for samples is kept from one gather to the next.
const keptRoom = 100_000

// collected holds what the plugins collected until the next gather.
type collected struct {
	config  Config
	factory *telemetry.Factory

	mu       sync.Mutex
	waiting  []sample
	ended    []*telemetry.Series
	series   map[string]*counted // by identity
	dropped  int
	refused  int // series for which there was no room, since the last gather
	badLines map[string]*badLines
}

// counted is a series and how many charts have it at present.
type counted struct {
	series *telemetry.Series
	users  int
}

type sample struct {
	series *telemetry.Series
	value  float64
	ms     int64
}

type badLines struct {
	count float64
	total *telemetry.Total
}

func newCollected(f *telemetry.Factory, c Config) *collected {
	return &collected{config: c, factory: f.Unbounded(), series: map[string]*counted{}, badLines: map[string]*badLines{}}
}

// make returns the series with an identity, or nil if there is no room for it. The lock is held.
func (c *collected) make(f *telemetry.Factory, name string, kind telemetry.Kind, unit telemetry.Unit, labels []telemetry.Label) *telemetry.Series {
	s := f.New(name, kind, unit, labels...)
	if s == nil {
		return nil
	}
	identity := s.String()
	if known := c.series[identity]; known != nil {
		known.users++
		return known.series
	}
	if len(c.series) >= c.config.MaxSeries {
		c.refused++
		return nil
	}
	c.series[identity] = &counted{s, 1}
	return s
}

// release ends the series that no chart has any more. The lock is held.
func (c *collected) release(s *telemetry.Series) {
	if s == nil {
		return
	}
	identity := s.String()
	known := c.series[identity]
	if known == nil {
		return
	}
	if known.users--; known.users == 0 {
		delete(c.series, identity)
		c.ended = append(c.ended, s)
	}
}

func (c *collected) add(s *telemetry.Series, value float64, ms int64) {
	switch {
	case s == nil:
	case len(c.waiting) >= maxWaiting:
		c.dropped++
	default:
		c.waiting = append(c.waiting, sample{s, value, ms})
	}
}

func (c *collected) countBadLine(plugin string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.badLines[plugin]
	if b == nil {
		b = &badLines{total: c.factory.Counter("netdata_plugins_bad_lines", telemetry.None, telemetry.Label{Key: "plugin", Value: metric.LabelValue(plugin, maxValue)})}
		c.badLines[plugin] = b
	}
	b.count++
}

// deliver moves everything into a batch.
func (c *collected) deliver(out *telemetry.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.waiting {
		out.AddAt(s.series, s.value, s.ms)
	}
	for _, s := range c.ended {
		out.End(s)
	}
	for _, b := range c.badLines {
		b.total.Add(out, b.count)
	}
	c.ended = nil
	if c.waiting = c.waiting[:0]; cap(c.waiting) > keptRoom {
		c.waiting = nil
	}
	var problems []string
	if c.dropped > 0 {
		problems = append(problems, fmt.Sprintf("%d samples were dropped, because more than %d waited for this gather: use a shorter interval", c.dropped, maxWaiting))
	}
	if c.refused > 0 {
		problems = append(problems, fmt.Sprintf("%d series were left out, because there are more than max_series (%d)", c.refused, c.config.MaxSeries))
	}
	c.dropped, c.refused = 0, 0
	if len(problems) > 0 {
		return fmt.Errorf("%s", strings.Join(problems, "; "))
	}
	return nil
}

// pluginCharts is the receiver of one run of a plugin.
type pluginCharts struct {
	*collected
	charts    map[*pluginsd.Chart]bool // that have series
	variables map[variable]*telemetry.Series
}

// variable identifies a variable of a run. Chart is nil if it belongs to the host.
type variable struct {
	host  *pluginsd.Host
	chart *pluginsd.Chart
	name  string
}

func (c *collected) newRun() *pluginCharts {
	return &pluginCharts{c, map[*pluginsd.Chart]bool{}, map[variable]*telemetry.Series{}}
}

// Collected implements pluginsd.Receiver.
func (p *pluginCharts) Collected(chart *pluginsd.Chart, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	made, _ := chart.Data.(*chartSeries)
	if made == nil || made.version != chart.Version {
		next := p.makeSeries(chart)
		p.drop(made)
		chart.Data, made = next, next
		p.charts[chart] = true
	}
	ms := at.UnixMilli()
	for _, d := range made.dims {
		if d.dimension.HasValue && d.dimension.IsSet {
			p.add(d.computed, d.dimension.Computed, ms)
		}
		if d.dimension.IsSet {
			p.add(d.raw, float64(d.dimension.Raw), ms)
		}
	}
}

// drop releases the series of a chart.
func (p *pluginCharts) drop(made *chartSeries) {
	if made == nil {
		return
	}
	for _, d := range made.dims {
		p.release(d.computed)
		p.release(d.raw)
	}
}

// Forgotten implements pluginsd.Receiver.
func (p *pluginCharts) Forgotten(chart *pluginsd.Chart) {
	p.mu.Lock()
	defer p.mu.Unlock()
	made, _ := chart.Data.(*chartSeries)
	p.drop(made)
	chart.Data = nil
	delete(p.charts, chart)
	for v, s := range p.variables {
		if v.chart == chart {
			p.release(s)
			delete(p.variables, v)
		}
	}
}

// Variable implements pluginsd.Receiver.
func (p *pluginCharts) Variable(h *pluginsd.Host, chart *pluginsd.Chart, name string, value float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := variable{h, chart, name}
	s, isKnown := p.variables[v]
	if !isKnown {
		s = p.makeVariable(v)
		p.variables[v] = s
	}
	p.add(s, value, time.Now().UnixMilli())
}

// makeVariable makes the series of a variable. The lock is held.
func (p *pluginCharts) makeVariable(v variable) *telemetry.Series {
	f := p.factory
	if v.host.GUID != "" {
		f = f.On(metric.LabelValue(v.host.Name, maxValue))
	}
	labels := []telemetry.Label{{Key: "variable", Value: metric.LabelValue(v.name, maxValue)}}
	if v.chart != nil {
		labels = append(labels, telemetry.Label{Key: "chart", Value: metric.LabelValue(v.chart.ID, maxValue)})
	}
	return p.make(f, "netdata_plugins_variable", telemetry.Gauge, telemetry.None, labels)
}

// end gives up the series of a run. A nil run has none.
func (p *pluginCharts) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for chart := range p.charts {
		made, _ := chart.Data.(*chartSeries)
		p.drop(made)
	}
	clear(p.charts)
	for _, s := range p.variables {
		p.release(s)
	}
	clear(p.variables)
}
