package apache

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// fieldSpec describes a number of the page.
type fieldSpec struct {
	unit      telemetry.Unit
	isCounter bool
}

// knownFields returns the numbers to write, by their names on the page.
func knownFields() map[string]fieldSpec {
	const kilobytes = telemetry.Unit("kilobytes")
	all := map[string]fieldSpec{
		"Total Accesses": {isCounter: true}, "Total kBytes": {kilobytes, true}, "Total Duration": {telemetry.Milliseconds, true},
		"CPULoad": {unit: telemetry.Percent}, "BytesPerSec": {unit: telemetry.Bytes}, "BytesPerReq": {unit: telemetry.Bytes},
		"DurationPerReq": {unit: telemetry.Milliseconds}, "Uptime": {unit: telemetry.Seconds}, "ServerUptimeSeconds": {unit: telemetry.Seconds},
		"CacheSharedMemory": {unit: telemetry.Bytes}, "CacheIndexUsage": {unit: telemetry.Percent}, "CacheUsage": {unit: telemetry.Percent},
	}
	for _, name := range strings.Fields("CPUUser CPUSystem CPUChildrenUser CPUChildrenSystem") {
		all[name] = fieldSpec{telemetry.Seconds, true}
	}
	for _, name := range strings.Fields("Avg Min Max") {
		all["CacheTimeLeftOldest"+name] = fieldSpec{unit: telemetry.Seconds}
	}
	for _, name := range strings.Fields("Store Replace Expire Discard RetrieveHit RetrieveMiss RemoveHit RemoveMiss") {
		all["Cache"+name+"Count"] = fieldSpec{isCounter: true}
	}
	for _, name := range strings.Fields(`ReqPerSec Load1 Load5 Load15 BusyWorkers GracefulWorkers IdleWorkers Processes Stopping
		ConnsTotal ConnsAsyncWaitIO ConnsAsyncWriting ConnsAsyncKeepAlive ConnsAsyncClosing
		ParentServerConfigGeneration ParentServerMPMGeneration CacheCurrentEntries CacheSubcaches CacheIndexesPerSubcaches`) {
		all[name] = fieldSpec{}
	}
	return all
}

// maxCPULoad bounds CPULoad, in percent of one core: the load of ten thousand cores.
const maxCPULoad = 1e6

// numberSeries is the gauge or the counter of a number.
type numberSeries struct {
	gauge *telemetry.Series
	total *telemetry.Total
}

func newNumberSeries(f *telemetry.Factory, labels []telemetry.Label) map[string]numberSeries {
	values := map[string]numberSeries{}
	for name, spec := range knownFields() {
		metric := "apache_" + strings.ReplaceAll(name, " ", "")
		if spec.isCounter {
			values[name] = numberSeries{total: f.Counter(metric, spec.unit, labels...)}
			continue
		}
		values[name] = numberSeries{gauge: f.Gauge(metric, spec.unit, labels...)}
		if name == "CPULoad" {
			values[name].gauge.Within(0, maxCPULoad)
		}
	}
	return values
}

func (v numberSeries) add(out *telemetry.Batch, number float64) {
	if v.total != nil {
		v.total.Add(out, number)
		return
	}
	out.Add(v.gauge, number)
}
