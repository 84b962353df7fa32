package pluginsd

import (
	"bytes"
	"math"
	"time"
)

// Algorithm says what becomes of the values of a dimension.
type Algorithm uint8

// The algorithms, by Netdata's names: absolute, incremental, percentage-of-absolute-row and percentage-of-incremental-row.
const (
	Absolute Algorithm = iota
	Incremental
	AbsoluteRow
	IncrementalRow
)

func (a Algorithm) String() string {
	return [...]string{"absolute", "incremental", "percentage-of-absolute-row", "percentage-of-incremental-row"}[a]
}

// parseAlgorithm returns the algorithm of a name; unknown names are absolute, as in Netdata.
func parseAlgorithm(name []byte) Algorithm {
	for a := Absolute; a <= IncrementalRow; a++ {
		if a.String() == string(name) {
			return a
		}
	}
	return Absolute
}

// Host is the host that charts belong to: the one that the plugin runs on, or a virtual one.
type Host struct {
	GUID, Name string // the GUID of the own host is ""
	Labels     []Label

	charts map[string]*Chart
}

// Label is a pair of words.
type Label struct{ Key, Value string }

// Chart is a group of dimensions that are collected together.
type Chart struct {
	Host                      *Host
	ID                        string // "disk.sda"
	Name                      string // "disk.root", or ""
	Title, Units              string
	Family, Context, Type     string
	Plugin, Module            string
	UpdateEvery               int // seconds
	IsObsolete, IsHidden      bool
	IsDetail, StoresFirst     bool
	Labels                    []Label
	Dimensions                []*Dimension
	Version                   int // grows when a line says something about the chart or its dimensions
	Data                      any // belongs to the receiver
	pending                   []Label
	byID                      map[string]*Dimension
	collected                 time.Time // of the last collection
	isCollected, hasNewMember bool
}

// Dimension is a series of a chart.
type Dimension struct {
	ID, Name            string
	Algorithm           Algorithm
	Multiplier, Divisor int64
	IsObsolete          bool
	IsHidden            bool
	IgnoresReset        bool
	Data                any // belongs to the receiver

	IsSet    bool    // Raw was collected in this round
	Raw      int64   // as the plugin wrote it
	Computed float64 // after the algorithm; only if HasValue
	HasValue bool
	WasReset bool // the counter began again; Computed is 0 or what is left

	last    int64
	hasLast bool
	since   time.Duration // last was collected so long before the last round
	largest uint64        // absolute value ever seen
}

// compute computes the values of a round. took is the time since the last one; 0: there was none.
func (c *Chart) compute(took time.Duration) {
	var sum, growth float64
	for _, d := range c.Dimensions {
		if !d.IsSet {
			continue
		}
		sum += float64(d.Raw)
		if d.hasLast && !d.fell() {
			growth += float64(d.Raw) - float64(d.last)
		}
	}
	for _, d := range c.Dimensions {
		d.HasValue, d.WasReset = false, false
		d.since += took
		if d.IsSet {
			d.compute(sum, growth)
			d.last, d.hasLast, d.since = d.Raw, true, 0
		}
	}
}

// compute computes the value of a dimension. sum is that of the row, growth that of its counters which did not fall.
func (d *Dimension) compute(sum, growth float64) {
	d.largest = max(d.largest, magnitude(d.Raw))
	scale := float64(d.Multiplier) / float64(d.Divisor)
	switch d.Algorithm {
	case Absolute:
		d.Computed, d.HasValue = float64(d.Raw)*scale, true
	case Incremental:
		if d.hasLast && d.since > 0 {
			d.Computed, d.HasValue = d.increase()*scale/d.since.Seconds(), true
		}
	case AbsoluteRow:
		d.Computed, d.HasValue = share(float64(d.Raw), sum), true
	case IncrementalRow:
		switch {
		case !d.hasLast:
			d.Computed = 0
		case d.fell():
			d.Computed, d.WasReset = 0, true
		default:
			d.Computed = share(float64(d.Raw)-float64(d.last), growth)
		}
		d.HasValue = d.hasLast
	}
}

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * part / whole
}

// fell reports whether a counter is below its last value. Counters are compared as unsigned numbers of 64 bits, so that a negative value after a small one
// is no decrease, and a small one after a negative value is.
func (d *Dimension) fell() bool {
	return uint64(d.last) > uint64(d.Raw) //nolint:gosec // see above
}

// magnitude returns the absolute value.
func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v) //nolint:gosec // also right for the smallest
	}
	return uint64(v)
}

// increase returns by how much a counter grew. A counter that fell either wrapped, at 32 or 64 bits, which counts if the increase is small; or it began again, which counts as nothing.
func (d *Dimension) increase() float64 {
	last, now := uint64(d.last), uint64(d.Raw) //nolint:gosec // see above
	if !d.fell() {
		return float64(d.Raw) - float64(d.last)
	}
	d.WasReset = !d.IgnoresReset
	end := uint64(math.MaxUint64)
	if d.largest <= math.MaxUint32 {
		end = math.MaxUint32
	}
	if grown := end - last + now; grown < end/100*10 {
		return float64(grown)
	}
	return 0
}

// forget drops the values of a round.
func (c *Chart) forget() {
	for _, d := range c.Dimensions {
		d.IsSet = false
	}
}

// setOptions reads the options, which are parts of one word.
func (c *Chart) setOptions(word []byte) {
	has := func(option string) bool { return bytes.Contains(word, []byte(option)) }
	c.IsObsolete, c.IsDetail, c.StoresFirst = has("obsolete"), has("detail"), has("store_first")
	c.IsHidden = c.IsHidden || has("hidden")
}
