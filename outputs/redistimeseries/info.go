package redistimeseries

import (
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// seriesInfo holds the fields of TS.INFO that matter here.
type seriesInfo struct {
	memory    int64 // bytes
	samples   int64
	retention int64
	chunk     int64
	policy    string
	ignore    Ignore // absent before RedisTimeSeries 1.12
	source    string // key of the series that this one is compacted from
	labels    map[string]string
}

// parseInfo reads a reply in RESP2: names and values alternate, labels are a list of pairs.
func parseInfo(reply any) seriesInfo {
	in := seriesInfo{labels: map[string]string{}}
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

func (in *seriesInfo) addLabels(pairs []any) {
	for _, p := range pairs {
		if kv, _ := p.([]any); len(kv) == 2 {
			k, _ := kv[0].(string)
			in.labels[k], _ = kv[1].(string)
		}
	}
}

// contradicts reports whether the series has a label of this identity with another value.
func (in *seriesInfo) contradicts(identity []telemetry.Label) bool {
	for _, l := range identity {
		if v, ok := in.labels[l.Key]; ok && v != l.Value {
			return true
		}
	}
	return false
}

// matches reports whether a series has the settings of its definition, as far as TS.ALTER could change them.
func (in *seriesInfo) matches(s *definition, labels []telemetry.Label) bool {
	if in.retention != int64(s.Retention) || !strings.EqualFold(in.policy, string(s.DuplicatePolicy)) {
		return false
	}
	return in.chunk == s.chunk && in.ignore == s.ignoreOrZero() && len(in.labels) == len(labels) && !in.contradicts(labels)
}
