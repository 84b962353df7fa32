package redistimeseries

import (
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// info is what TS.INFO says, as far as it matters here.
type info struct {
	memory    int64 // bytes
	samples   int64
	retention int64
	chunk     int64
	policy    string
	ignore    Ignore // absent before RedisTimeSeries 1.12
	source    string // the key that this one is compacted from
	labels    map[string]string
}

// parseInfo reads the reply in RESP2: names and values in turn, labels as a list of pairs.
func parseInfo(reply any) info {
	in := info{labels: map[string]string{}}
	fields, _ := reply.([]any)
	for i := 0; i+1 < len(fields); i += 2 {
		number, _ := fields[i+1].(int64)
		text, _ := fields[i+1].(string)
		switch fields[i] {
		case "memoryUsage":
			in.memory = number
		case "totalSamples":
			in.samples = number
		case "retentionTime":
			in.retention = number
		case "chunkSize":
			in.chunk = number
		case "duplicatePolicy":
			in.policy = text
		case "ignoreMaxTimeDiff":
			in.ignore.MaxTimeDiff = Retention(number)
		case "ignoreMaxValDiff":
			in.ignore.MaxValDiff, _ = strconv.ParseFloat(text, 64)
		case "sourceKey":
			in.source = text
		case "labels":
			pairs, _ := fields[i+1].([]any)
			in.addLabels(pairs)
		}
	}
	return in
}

func (in *info) addLabels(pairs []any) {
	for _, p := range pairs {
		if kv, _ := p.([]any); len(kv) == 2 {
			k, _ := kv[0].(string)
			in.labels[k], _ = kv[1].(string)
		}
	}
}

// ownerOf finds the member that the key belongs to: the first that its labels do not contradict. A label that is
// missing contradicts nothing: the predecessor left series without any.
func (in *info) ownerOf(members []*candidate) *candidate {
	for _, m := range members {
		if m.identify(); !in.contradicts(m.identity) {
			return m
		}
	}
	return nil
}

func (in *info) contradicts(identity []telemetry.Label) bool {
	for _, l := range identity {
		if v, ok := in.labels[l.Key]; ok && v != l.Value {
			return true
		}
	}
	return false
}

// matches says whether a series is as it should be, as far as TS.ALTER could change it.
func (in *info) matches(s *shape, labels []telemetry.Label) bool {
	if in.retention != int64(s.Retention) || !strings.EqualFold(in.policy, string(s.DuplicatePolicy)) {
		return false
	}
	return in.chunk == s.chunk && in.ignore == s.ignored() && len(in.labels) == len(labels) && !in.contradicts(labels)
}
