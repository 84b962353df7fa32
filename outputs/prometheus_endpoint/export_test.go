package prometheusendpoint

import (
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Page returns the page at a time.
func (o *Output) Page(now time.Time, isOpenMetrics bool) string {
	return string(o.store.appendPage(nil, now, isOpenMetrics, o.config.Timestamps))
}

// AppendPage appends the page.
func (o *Output) AppendPage(buf []byte, now time.Time, isOpenMetrics bool) []byte {
	return o.store.appendPage(buf, now, isOpenMetrics, o.config.Timestamps)
}

// WriteAt writes batches at a time.
func (o *Output) WriteAt(now time.Time, batches ...*telemetry.Batch) error {
	return o.store.write(batches, now)
}

// CountReaders returns how many readers are remembered.
func (o *Output) CountReaders() int {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	return len(o.readers.all)
}

var (
	ParseAllRequest    = parseAllRequest
	PrefersOpenMetrics = prefersOpenMetrics
	ShellName          = shellName
)

// AllName returns the name of an average.
func AllName(prefix, name, unit string) string {
	return allName(allRequest{prefix: prefix, source: sourceAverage}, name, telemetry.Unit(unit), false)
}

// Prefix returns the prefix of a request.
func Prefix(r allRequest) string { return r.prefix }

// Server returns the reader of a request.
func Server(r allRequest) string { return r.server }
