package apache

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// field says what a number of the page is.
type field struct {
	unit    telemetry.Unit
	counter bool
}

// fields are the numbers that are written, by their names on the page.
func fields() map[string]field {
	const kilobytes = telemetry.Unit("kilobytes")
	all := map[string]field{
		"Total Accesses": {counter: true}, "Total kBytes": {kilobytes, true}, "Total Duration": {telemetry.Milliseconds, true},
		"CPULoad": {unit: telemetry.Percent}, "BytesPerSec": {unit: telemetry.Bytes}, "BytesPerReq": {unit: telemetry.Bytes},
		"DurationPerReq": {unit: telemetry.Milliseconds}, "Uptime": {unit: telemetry.Seconds}, "ServerUptimeSeconds": {unit: telemetry.Seconds},
		"CacheSharedMemory": {unit: telemetry.Bytes}, "CacheIndexUsage": {unit: telemetry.Percent}, "CacheUsage": {unit: telemetry.Percent},
	}
	for _, name := range strings.Fields("CPUUser CPUSystem CPUChildrenUser CPUChildrenSystem") {
		all[name] = field{telemetry.Seconds, true}
	}
	for _, name := range strings.Fields("Avg Min Max") {
		all["CacheTimeLeftOldest"+name] = field{unit: telemetry.Seconds}
	}
	for _, name := range strings.Fields("Store Replace Expire Discard RetrieveHit RetrieveMiss RemoveHit RemoveMiss") {
		all["Cache"+name+"Count"] = field{counter: true}
	}
	for _, name := range strings.Fields(`ReqPerSec Load1 Load5 Load15 BusyWorkers GracefulWorkers IdleWorkers Processes Stopping
		ConnsTotal ConnsAsyncWaitIO ConnsAsyncWriting ConnsAsyncKeepAlive ConnsAsyncClosing
		ParentServerConfigGeneration ParentServerMPMGeneration CacheCurrentEntries CacheSubcaches CacheIndexesPerSubcaches`) {
		all[name] = field{}
	}
	return all
}

// mostCPU is what ten thousand cores can do, in percent of one: the server adds them up.
const mostCPU = 1e6

// value is where a number of the page goes.
type value struct {
	gauge *telemetry.Series
	total *telemetry.Total
}

func newValues(f *telemetry.Factory, labels []telemetry.Label) map[string]value {
	values := map[string]value{}
	for name, what := range fields() {
		metric := "apache_" + strings.ReplaceAll(name, " ", "")
		if what.counter {
			values[name] = value{total: f.Counter(metric, what.unit, labels...)}
			continue
		}
		values[name] = value{gauge: f.Gauge(metric, what.unit, labels...)}
		if name == "CPULoad" {
			values[name].gauge.Within(0, mostCPU)
		}
	}
	return values
}

func (v value) add(out *telemetry.Batch, number float64) {
	if v.total != nil {
		v.total.Add(out, number)
		return
	}
	out.Add(v.gauge, number)
}
