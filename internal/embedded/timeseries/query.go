package timeseries

import (
	"bytes"
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errFrom         = resp.Error("ERR TSDB: wrong fromTimestamp")
	errTo           = resp.Error("ERR TSDB: wrong toTimestamp")
	errCount        = resp.Error("ERR TSDB: Couldn't parse COUNT")
	errCountMissing = resp.Error("ERR TSDB: COUNT argument is missing")
	errCountValue   = resp.Error("ERR TSDB: Invalid COUNT value")
	errAgg          = resp.Error("ERR TSDB: Couldn't parse AGGREGATION")
	errAggType      = resp.Error("ERR TSDB: Unknown aggregation type")
	errBucket       = resp.Error("ERR TSDB: bucketDuration must be greater than zero")
	errEmptyPlace   = resp.Error("ERR TSDB: EMPTY flag should be the 3rd or 5th flag after AGGREGATION flag")
	errStampPlace   = resp.Error("ERR TSDB: BUCKETTIMESTAMP flag should be the 3rd or 4th flag after AGGREGATION flag")
	errStamp        = resp.Error("ERR TSDB: unknown BUCKETTIMESTAMP parameter")
	errAlign        = resp.Error("ERR TSDB: unknown ALIGN parameter")
	errAlignAgg     = resp.Error("ERR TSDB: ALIGN parameter can only be used with AGGREGATION")
	errAlignStart   = resp.Error("ERR TSDB: start alignment can only be used with explicit start timestamp")
	errAlignEnd     = resp.Error("ERR TSDB: end alignment can only be used with explicit end timestamp")
	errTSMissing    = resp.Error("ERR TSDB: FILTER_BY_TS one or more arguments are missing")
	errValueMissing = resp.Error("ERR TSDB: FILTER_BY_VALUE one or more arguments are missing")
	errMin          = resp.Error("ERR TSDB: Couldn't parse MIN")
	errMax          = resp.Error("ERR TSDB: Couldn't parse MAX")
	errReducer      = resp.Error("ERR TSDB: Invalid reducer type")
	errGroupPlace   = resp.Error("ERR TSDB: GROUPBY should always come after filter")
	errNoFilter     = resp.Error("ERR TSDB: missing FILTER argument")
	errNoLabels     = resp.Error("ERR TSDB: missing labels for filter argument")
	errSelected     = resp.Error("ERR TSDB: SELECT_LABELS should have at least 1 parameter")
	errBothLabels   = resp.Error("ERR TSDB: cannot accept WITHLABELS and SELECT_LABELS together")
)

// query is TS.RANGE and its relatives: which samples, of which series, how.
type query struct {
	from, to       int64 // inclusive, Unix ms
	fromMin, toMax bool  // "-" and "+" were given
	reverse        bool
	latest         bool
	count          int64 // negative: all
	byTS           []int64
	byValue        bool
	minV, maxV     float64
	agg            aggregation
	bucket         int64 // ms
	alignAt        int64
	stamp          bucketStamp
	empty          bool
	withLabels     bool
	selected       []string
	matchers       []matcher
	grouped        bool
	groupBy        string
	reducer        aggregation
}

// parseQuery reads the times and what TS.RANGE and TS.MRANGE have in common. The order is Redis': it decides about
// several bad options.
func parseQuery(args [][]byte, reverse bool) (*query, resp.Error) {
	q := &query{reverse: reverse, count: -1}
	var ok bool
	if q.from, q.fromMin, ok = parseBound(args[0], '-', 0); !ok {
		return nil, errFrom
	}
	if q.to, q.toMax, ok = parseBound(args[1], '+', keyspace.MaxTimestamp); !ok {
		return nil, errTo
	}
	args = args[2:]
	q.latest = wordAt(args, "LATEST") >= 0
	for _, take := range [...]func(*query, [][]byte) resp.Error{
		(*query).takeCount, (*query).takeAgg, (*query).takeFlags, (*query).takeAlign, (*query).takeByValue, (*query).takeByTS,
	} {
		if err := take(q, args); err != "" {
			return nil, err
		}
	}
	return q, ""
}

func parseBound(b []byte, open byte, at int64) (ts int64, isOpen, ok bool) {
	if len(b) == 1 && b[0] == open {
		return at, true, true
	}
	ts, ok = resp.ParseInt(b)
	return min(ts, keyspace.MaxTimestamp), false, ok && ts >= 0
}

// takeCount passes over the COUNT that is an aggregation or reducer.
func (q *query) takeCount(args [][]byte) resp.Error {
	agg, reduce := wordAt(args, "AGGREGATION"), wordAt(args, "REDUCE")
	for i, a := range args {
		if !resp.IsWord(a, "COUNT") || agg >= 0 && i == agg+1 || reduce >= 0 && i == reduce+1 {
			continue
		}
		if i+1 == len(args) {
			return errCountMissing
		}
		n, ok := resp.ParseInt(args[i+1])
		if !ok {
			return errCount
		}
		if n <= 0 {
			return errCountValue
		}
		q.count = n
		break
	}
	return ""
}

// takeAgg also reads TS.CREATERULE's AGGREGATION.
func (q *query) takeAgg(args [][]byte) resp.Error {
	args, found := behind(args, "AGGREGATION")
	if !found {
		return ""
	}
	if len(args) < 2 {
		return errAgg
	}
	var ok bool
	if q.bucket, ok = resp.ParseInt(args[1]); !ok || q.bucket > keyspace.MaxTimestamp {
		return errAgg
	}
	if q.agg, ok = parseAgg(args[0]); !ok {
		return errAggType
	}
	if q.bucket <= 0 {
		return errBucket
	}
	return ""
}

// takeFlags reads what may stand behind AGGREGATION's arguments. Redis looks at the distance only.
func (q *query) takeFlags(args [][]byte) resp.Error {
	at := wordAt(args, "AGGREGATION")
	if at < 0 {
		return ""
	}
	if i := wordAt(args, "EMPTY"); i >= 0 {
		if i != at+3 && i != at+5 {
			return errEmptyPlace
		}
		q.empty = true
	}
	i := wordAt(args, "BUCKETTIMESTAMP")
	switch {
	case i < 0:
		return ""
	case i != at+3 && i != at+4:
		return errStampPlace
	case i+1 == len(args):
		return keyspace.ErrArity
	}
	return q.takeStamp(args[i+1])
}

func (q *query) takeStamp(a []byte) resp.Error {
	switch {
	case resp.IsWord(a, "-"), resp.IsWord(a, "START"):
		q.stamp = stampStart
	case resp.IsWord(a, "+"), resp.IsWord(a, "END"):
		q.stamp = stampEnd
	case resp.IsWord(a, "~"), resp.IsWord(a, "MID"):
		q.stamp = stampMid
	default:
		return errStamp
	}
	return ""
}

func (q *query) takeAlign(args [][]byte) resp.Error {
	args, found := behind(args, "ALIGN")
	if !found {
		return ""
	}
	if len(args) == 0 {
		return keyspace.ErrArity
	}
	a := args[0]
	start, end := resp.IsWord(a, "START") || resp.IsWord(a, "-"), resp.IsWord(a, "END") || resp.IsWord(a, "+")
	at, ok := resp.ParseInt(a)
	switch {
	case !start && !end && (!ok || at < 0 || at > keyspace.MaxTimestamp):
		return errAlign
	case q.agg == aggNone:
		return errAlignAgg
	case start && q.fromMin:
		return errAlignStart
	case end && q.toMax:
		return errAlignEnd
	case start:
		at = q.from
	case end:
		at = q.to
	}
	q.alignAt = at
	return ""
}

func (q *query) takeByValue(args [][]byte) resp.Error {
	args, found := behind(args, "FILTER_BY_VALUE")
	if !found {
		return ""
	}
	if len(args) < 2 {
		return errValueMissing
	}
	var ok bool
	if q.minV, ok = resp.ParseDouble(args[0]); !ok {
		return errMin
	}
	if q.maxV, ok = resp.ParseDouble(args[1]); !ok {
		return errMax
	}
	q.byValue = true
	return ""
}

// takeByTS takes times up to the first word that is none.
func (q *query) takeByTS(args [][]byte) resp.Error {
	args, found := behind(args, "FILTER_BY_TS")
	if !found {
		return ""
	}
	for _, a := range args {
		ts, ok := resp.ParseInt(a)
		if !ok || ts < 0 {
			break
		}
		q.byTS = append(q.byTS, ts)
	}
	if len(q.byTS) == 0 {
		return errTSMissing
	}
	slices.Sort(q.byTS)
	return ""
}

// takeSeries reads what TS.MRANGE says beyond TS.RANGE.
func (q *query) takeSeries(args [][]byte) resp.Error {
	filter, group := wordAt(args, "FILTER"), wordAt(args, "GROUPBY")
	if filter < 0 {
		return errNoFilter
	}
	if err := q.takeLabels(args); err != "" {
		return err
	}
	end := len(args)
	if group >= 0 {
		end = group
	}
	if end < filter {
		return errGroupPlace
	}
	if end == filter+1 {
		return errNoLabels
	}
	var err resp.Error
	if q.matchers, err = parseMatchers(args[filter+1 : end]); err != "" || group < 0 {
		return err
	}
	return q.takeGroup(args[group+1:])
}

func (q *query) takeLabels(args [][]byte) resp.Error {
	q.withLabels = wordAt(args, "WITHLABELS") >= 0
	args, found := behind(args, "SELECTED_LABELS")
	if !found {
		return ""
	}
	if q.withLabels {
		return errBothLabels
	}
	for _, a := range args {
		if endsLabels(a) {
			break
		}
		q.selected = append(q.selected, string(a))
	}
	if q.selected == nil {
		return errSelected
	}
	return ""
}

// endsLabels tells the words that are no label in SELECTED_LABELS; the others are, even if they mean something.
func endsLabels(b []byte) bool {
	switch string(bytes.ToUpper(b)) {
	case "COUNT", "FILTER_BY_TS", "FILTER_BY_VALUE", "AGGREGATION", "FILTER", "GROUPBY", "REDUCE":
		return true
	}
	return false
}

func (q *query) takeGroup(args [][]byte) resp.Error {
	if len(args) != 3 || wordAt(args, "REDUCE") < 0 {
		return keyspace.ErrArity
	}
	kind, ok := parseAgg(args[2])
	if !ok || kind == aggFirst || kind == aggLast || kind == aggTwa {
		return errReducer
	}
	q.grouped, q.groupBy, q.reducer = true, string(args[0]), kind
	return ""
}
