package timeseries

import (
	"bytes"
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errFrom                   = resp.Error("ERR TSDB: wrong fromTimestamp")
	errTo                     = resp.Error("ERR TSDB: wrong toTimestamp")
	errCount                  = resp.Error("ERR TSDB: Couldn't parse COUNT")
	errCountMissing           = resp.Error("ERR TSDB: COUNT argument is missing")
	errCountValue             = resp.Error("ERR TSDB: Invalid COUNT value")
	errAggregation            = resp.Error("ERR TSDB: Couldn't parse AGGREGATION")
	errAggregationType        = resp.Error("ERR TSDB: Unknown aggregation type")
	errBucket                 = resp.Error("ERR TSDB: bucketDuration must be greater than zero")
	errEmptyPlace             = resp.Error("ERR TSDB: EMPTY flag should be the 3rd or 5th flag after AGGREGATION flag")
	errTimestampPositionPlace = resp.Error("ERR TSDB: BUCKETTIMESTAMP flag should be the 3rd or 4th flag after AGGREGATION flag")
	errTimestampPosition      = resp.Error("ERR TSDB: unknown BUCKETTIMESTAMP parameter")
	errAlign                  = resp.Error("ERR TSDB: unknown ALIGN parameter")
	errAlignAgg               = resp.Error("ERR TSDB: ALIGN parameter can only be used with AGGREGATION")
	errAlignStart             = resp.Error("ERR TSDB: start alignment can only be used with explicit start timestamp")
	errAlignEnd               = resp.Error("ERR TSDB: end alignment can only be used with explicit end timestamp")
	errTSMissing              = resp.Error("ERR TSDB: FILTER_BY_TS one or more arguments are missing")
	errValueMissing           = resp.Error("ERR TSDB: FILTER_BY_VALUE one or more arguments are missing")
	errMin                    = resp.Error("ERR TSDB: Couldn't parse MIN")
	errMax                    = resp.Error("ERR TSDB: Couldn't parse MAX")
	errReducer                = resp.Error("ERR TSDB: Invalid reducer type")
	errGroupPlace             = resp.Error("ERR TSDB: GROUPBY should always come after filter")
	errNoFilter               = resp.Error("ERR TSDB: missing FILTER argument")
	errNoLabels               = resp.Error("ERR TSDB: missing labels for filter argument")
	errSelected               = resp.Error("ERR TSDB: SELECT_LABELS should have at least 1 parameter")
	errBothLabels             = resp.Error("ERR TSDB: cannot accept WITHLABELS and SELECT_LABELS together")
)

// query describes which samples of which series TS.RANGE and its relatives
// answer, and how.
type query struct {
	from, to                 int64 // inclusive, Unix ms
	hasOpenStart, hasOpenEnd bool  // the query has "-" and "+"
	reverse                  bool
	latest                   bool
	count                    int64 // negative means all
	times                    []int64
	filtersValues            bool
	minValue, maxValue       float64
	aggregation              aggregation
	bucketSize               int64 // ms
	align                    int64
	timestampPosition        timestampPosition
	withEmpty                bool
	withLabels               bool
	selectedLabels           []string
	matchers                 []matcher
	grouped                  bool
	groupBy                  string
	reducer                  aggregation
}

// parseQuery parses the options that TS.RANGE and TS.MRANGE share. It checks
// them in the order of Redis, which decides which of several errors is
// answered.
func parseQuery(args [][]byte, reverse bool) (*query, resp.Error) {
	q := &query{reverse: reverse, count: -1}
	var ok bool
	if q.from, q.hasOpenStart, ok = parseBound(args[0], '-', 0); !ok {
		return nil, errFrom
	}
	if q.to, q.hasOpenEnd, ok = parseBound(args[1], '+', keyspace.MaxTimestamp); !ok {
		return nil, errTo
	}
	args = args[2:]
	q.latest = indexOfWord(args, "LATEST") >= 0
	for _, take := range [...]func(*query, [][]byte) resp.Error{
		(*query).takeCount, (*query).takeAggregation, (*query).takeFlags, (*query).takeAlign, (*query).takeValueFilter, (*query).takeTimeFilter,
	} {
		if err := take(q, args); err != "" {
			return nil, err
		}
	}
	return q, ""
}

// parseBound parses a time in Unix milliseconds, or the character for an open
// bound, which means at.
func parseBound(b []byte, open byte, at int64) (ts int64, isOpen, ok bool) {
	if len(b) == 1 && b[0] == open {
		return at, true, true
	}
	ts, ok = resp.ParseInt(b)
	return min(ts, keyspace.MaxTimestamp), false, ok && ts >= 0
}

// takeCount skips a COUNT that is an aggregation or a reducer.
func (q *query) takeCount(args [][]byte) resp.Error {
	agg, reduce := indexOfWord(args, "AGGREGATION"), indexOfWord(args, "REDUCE")
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

// takeAggregation also parses the AGGREGATION of TS.CREATERULE.
func (q *query) takeAggregation(args [][]byte) resp.Error {
	args, found := argumentsAfter(args, "AGGREGATION")
	if !found {
		return ""
	}
	if len(args) < 2 {
		return errAggregation
	}
	var ok bool
	if q.bucketSize, ok = resp.ParseInt(args[1]); !ok || q.bucketSize > keyspace.MaxTimestamp {
		return errAggregation
	}
	if q.aggregation, ok = parseAggregation(args[0]); !ok {
		return errAggregationType
	}
	if q.bucketSize <= 0 {
		return errBucket
	}
	return ""
}

// takeFlags parses EMPTY and BUCKETTIMESTAMP. Like Redis it only checks their
// distance from AGGREGATION.
func (q *query) takeFlags(args [][]byte) resp.Error {
	at := indexOfWord(args, "AGGREGATION")
	if at < 0 {
		return ""
	}
	if i := indexOfWord(args, "EMPTY"); i >= 0 {
		if i != at+3 && i != at+5 {
			return errEmptyPlace
		}
		q.withEmpty = true
	}
	i := indexOfWord(args, "BUCKETTIMESTAMP")
	switch {
	case i < 0:
		return ""
	case i != at+3 && i != at+4:
		return errTimestampPositionPlace
	case i+1 == len(args):
		return keyspace.ErrArity
	}
	return q.takeTimestampPosition(args[i+1])
}

func (q *query) takeTimestampPosition(a []byte) resp.Error {
	switch {
	case resp.IsWord(a, "-"), resp.IsWord(a, "START"):
		q.timestampPosition = atBucketStart
	case resp.IsWord(a, "+"), resp.IsWord(a, "END"):
		q.timestampPosition = atBucketEnd
	case resp.IsWord(a, "~"), resp.IsWord(a, "MID"):
		q.timestampPosition = atBucketMiddle
	default:
		return errTimestampPosition
	}
	return ""
}

func (q *query) takeAlign(args [][]byte) resp.Error {
	args, found := argumentsAfter(args, "ALIGN")
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
	case q.aggregation == aggNone:
		return errAlignAgg
	case start && q.hasOpenStart:
		return errAlignStart
	case end && q.hasOpenEnd:
		return errAlignEnd
	case start:
		at = q.from
	case end:
		at = q.to
	}
	q.align = at
	return ""
}

func (q *query) takeValueFilter(args [][]byte) resp.Error {
	args, found := argumentsAfter(args, "FILTER_BY_VALUE")
	if !found {
		return ""
	}
	if len(args) < 2 {
		return errValueMissing
	}
	var ok bool
	if q.minValue, ok = resp.ParseDouble(args[0]); !ok {
		return errMin
	}
	if q.maxValue, ok = resp.ParseDouble(args[1]); !ok {
		return errMax
	}
	q.filtersValues = true
	return ""
}

// takeTimeFilter takes times up to the first argument that is not one.
func (q *query) takeTimeFilter(args [][]byte) resp.Error {
	args, found := argumentsAfter(args, "FILTER_BY_TS")
	if !found {
		return ""
	}
	for _, a := range args {
		ts, ok := resp.ParseInt(a)
		if !ok || ts < 0 {
			break
		}
		q.times = append(q.times, ts)
	}
	if len(q.times) == 0 {
		return errTSMissing
	}
	slices.Sort(q.times)
	return ""
}

// takeSeries parses the options that only TS.MRANGE has.
func (q *query) takeSeries(args [][]byte) resp.Error {
	filter, group := indexOfWord(args, "FILTER"), indexOfWord(args, "GROUPBY")
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
	q.withLabels = indexOfWord(args, "WITHLABELS") >= 0
	args, found := argumentsAfter(args, "SELECTED_LABELS")
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
		q.selectedLabels = append(q.selectedLabels, string(a))
	}
	if q.selectedLabels == nil {
		return errSelected
	}
	return ""
}

// endsLabels reports whether a word ends SELECTED_LABELS. All other words are
// labels, even if they are options.
func endsLabels(b []byte) bool {
	switch string(bytes.ToUpper(b)) {
	case "COUNT", "FILTER_BY_TS", "FILTER_BY_VALUE", "AGGREGATION", "FILTER", "GROUPBY", "REDUCE":
		return true
	}
	return false
}

func (q *query) takeGroup(args [][]byte) resp.Error {
	if len(args) != 3 || indexOfWord(args, "REDUCE") < 0 {
		return keyspace.ErrArity
	}
	kind, ok := parseAggregation(args[2])
	if !ok || kind == aggFirst || kind == aggLast || kind == aggTwa {
		return errReducer
	}
	q.grouped, q.groupBy, q.reducer = true, string(args[0]), kind
	return ""
}
