package windowsperf

import (
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/pdh"
)

const (
	processIDPath = `\Process(*)\ID Process`

	// keepProcess is how long a destination keeps the series of a process that has ended.
	keepProcess = 24 * time.Hour
)

// processTable tells which processes the instances of the object Process are. Windows calls the second svchost "svchost#1", and "svchost" as
// soon as the first one has ended, so a name is not an identity. PDH computes rates by these names: in the gather in which a name passes to another
// process, its rates are those of two processes.
type processTable struct {
	instances []processInstance // in the order of the object's values
	last      map[slot]string   // IDs in the gather before
}

// slot is what PDH takes for an identity.
type slot struct {
	name string
	n    int // of instances with the same name, for versions of PDH that do not number them
}

type processInstance struct {
	name   string // as PDH says it
	pid    string // "": it is not a process, or one that is about to end
	passed bool   // the name was another process' in the gather before
}

// update takes the values of the counter ID Process. Idle, _Total and processes that are about to end have the ID 0.
func (t *processTable) update(ids []pdh.Value) {
	now, counts := map[slot]string{}, map[string]int{}
	t.instances = t.instances[:0]
	for _, v := range ids {
		i := processInstance{name: v.Instance}
		if v.Valid && v.Value >= 1 && v.Value < 1<<32 {
			i.pid = strconv.FormatUint(uint64(v.Value), 10)
		}
		s := slot{v.Instance, counts[v.Instance]}
		counts[v.Instance]++
		last, known := t.last[s]
		i.passed = known && last != i.pid
		now[s] = i.pid
		t.instances = append(t.instances, i)
	}
	t.last = now
}

// identify returns the identity of the i-th instance. It is not ok for what is not a process, and while the name passes to another one.
func (t *processTable) identify(i int, name string) (id instance, ok bool) {
	if i >= len(t.instances) {
		return instance{}, false
	}
	if p := t.instances[i]; p.name == name && p.pid != "" && !p.passed {
		return instance{metric.LabelValue(trimNumber(name), maxInstance), p.pid}, true
	}
	return instance{}, false
}

// trimNumber removes the number that tells instances of one name apart: "svchost#12" is "svchost".
func trimNumber(name string) string {
	if at := strings.LastIndexByte(name, '#'); at > 0 {
		if _, err := strconv.ParseUint(name[at+1:], 10, 32); err == nil {
			return name[:at]
		}
	}
	return name
}
