package embedded

import (
	"bytes"
	"slices"
)

const (
	errFrom       = replyError("ERR TSDB: wrong fromTimestamp")
	errTo         = replyError("ERR TSDB: wrong toTimestamp")
	errCount      = replyError("ERR TSDB: Couldn't parse COUNT")
	errAgg        = replyError("ERR TSDB: Couldn't parse AGGREGATION")
	errAggType    = replyError("ERR TSDB: Unknown aggregation type")
	errBucket     = replyError("ERR TSDB: bucketDuration must be greater than zero")
	errStamp      = replyError("ERR TSDB: unknown BUCKETTIMESTAMP parameter")
	errAlign      = replyError("ERR TSDB: unknown ALIGN parameter")
	errAlignAgg   = replyError("ERR TSDB: ALIGN parameter can only be used with AGGREGATION")
	errAlignStart = replyError("ERR TSDB: start alignment can only be used with explicit start timestamp")
	errAlignEnd   = replyError("ERR TSDB: end alignment can only be used with explicit end timestamp")
	errByTS       = replyError("ERR TSDB: Couldn't parse FILTER_BY_TS")
	errByValue    = replyError("ERR TSDB: Couldn't parse MIN")
	errGroup      = replyError("ERR TSDB: Couldn't parse GROUPBY")
	errReducer    = replyError("ERR TSDB: Invalid reducer type")
	errNoFilter   = replyError("ERR TSDB: missing FILTER argument")
	errSelected   = replyError("ERR TSDB: SELECTED_LABELS should have at least 1 parameter")
	errBothLabels = replyError("ERR TSDB: cannot accept WITHLABELS and SELECT_LABELS together")
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
	agg            aggType
	bucket         int64 // ms
	align          []byte
	alignAt        int64
	stamp          bucketStamp
	empty          bool
	withLabels     bool
	selected       []string
	matchers       []matcher
	hasFilter      bool
	groupBy        string
	reducer        aggType
}

// parseQuery reads what follows the key (or the command, for TS.MRANGE).
func parseQuery(args [][]byte, reverse bool) (*query, replyError) {
	q := &query{reverse: reverse, count: -1}
	var ok bool
	if q.from, q.fromMin, ok = parseBound(args[0], '-', 0); !ok {
		return nil, errFrom
	}
	if q.to, q.toMax, ok = parseBound(args[1], '+', maxTimestamp); !ok {
		return nil, errTo
	}
	if err := q.options(args[2:]); err != "" {
		return nil, err
	}
	return q, q.resolveAlign()
}

func parseBound(b []byte, open byte, at int64) (ts int64, isOpen, ok bool) {
	if len(b) == 1 && b[0] == open {
		return at, true, true
	}
	ts, ok = parseInt(b)
	return min(ts, maxTimestamp), false, ok && ts >= 0
}

// options passes over words it does not know, as Redis does.
func (q *query) options(args [][]byte) replyError {
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		var used int
		var err replyError
		switch {
		case is(a, "LATEST"):
			q.latest = true
		case is(a, "COUNT"):
			used, err = q.takeCount(args)
		case is(a, "FILTER_BY_TS"):
			used, err = q.takeByTS(args)
		case is(a, "FILTER_BY_VALUE"):
			used, err = q.takeByValue(args)
		case is(a, "ALIGN"):
			used, err = q.takeAlign(args)
		case is(a, "AGGREGATION"):
			used, err = q.takeAgg(args)
		case is(a, "BUCKETTIMESTAMP"):
			used, err = q.takeStamp(args)
		case is(a, "EMPTY"):
			q.empty = true
		case is(a, "WITHLABELS"):
			q.withLabels = true
		case is(a, "SELECTED_LABELS"):
			used, err = q.takeSelected(args)
		case is(a, "FILTER"):
			used, err = q.takeFilter(args)
		case is(a, "GROUPBY"):
			used, err = q.takeGroup(args)
		}
		if err != "" {
			return err
		}
		args = args[used:]
	}
	if q.withLabels && q.selected != nil {
		return errBothLabels
	}
	return ""
}

func (q *query) takeCount(args [][]byte) (int, replyError) {
	if len(args) == 0 {
		return 0, errCount
	}
	n, ok := parseInt(args[0])
	if !ok || n < 0 {
		return 0, errCount
	}
	q.count = n
	return 1, ""
}

func (q *query) takeByTS(args [][]byte) (int, replyError) {
	n := 0
	for ; n < len(args); n++ {
		ts, ok := parseInt(args[n])
		if !ok {
			break
		}
		q.byTS = append(q.byTS, ts)
	}
	if n == 0 {
		return 0, errByTS
	}
	slices.Sort(q.byTS)
	return n, ""
}

func (q *query) takeByValue(args [][]byte) (int, replyError) {
	if len(args) < 2 {
		return 0, errByValue
	}
	lo, okLo := parseValue(args[0])
	hi, okHi := parseValue(args[1])
	if !okLo || !okHi {
		return 0, errByValue
	}
	q.byValue, q.minV, q.maxV = true, lo, hi
	return 2, ""
}

func (q *query) takeAlign(args [][]byte) (int, replyError) {
	if len(args) == 0 {
		return 0, errAlign
	}
	q.align = args[0]
	return 1, ""
}

// takeAgg also reads TS.CREATERULE's AGGREGATION.
func (q *query) takeAgg(args [][]byte) (int, replyError) {
	if len(args) < 2 {
		return 0, errAgg
	}
	var ok bool
	if q.agg, ok = parseAgg(args[0]); !ok {
		return 0, errAggType
	}
	if q.bucket, ok = parseInt(args[1]); !ok || q.bucket > maxTimestamp {
		return 0, errAgg
	}
	if q.bucket <= 0 {
		return 0, errBucket
	}
	return 2, ""
}

func (q *query) takeStamp(args [][]byte) (int, replyError) {
	if len(args) == 0 {
		return 0, errStamp
	}
	switch a := args[0]; {
	case is(a, "-"), is(a, "LOW"), is(a, "START"):
		q.stamp = stampStart
	case is(a, "+"), is(a, "HIGH"), is(a, "END"):
		q.stamp = stampEnd
	case is(a, "~"), is(a, "MID"):
		q.stamp = stampMid
	default:
		return 0, errStamp
	}
	return 1, ""
}

func (q *query) resolveAlign() replyError {
	if q.align == nil {
		return ""
	}
	if q.agg == aggNone {
		return errAlignAgg
	}
	switch a := q.align; {
	case is(a, "START"), is(a, "-"):
		if q.fromMin {
			return errAlignStart
		}
		q.alignAt = q.from
	case is(a, "END"), is(a, "+"):
		if q.toMax {
			return errAlignEnd
		}
		q.alignAt = q.to
	default:
		at, ok := parseInt(a)
		if !ok || at < 0 || at > maxTimestamp {
			return errAlign
		}
		q.alignAt = at
	}
	return ""
}

// isQueryWord ends a list of names (SELECTED_LABELS, FILTER).
func isQueryWord(b []byte) bool {
	switch string(bytes.ToUpper(b)) {
	case "LATEST", "COUNT", "FILTER_BY_TS", "FILTER_BY_VALUE", "ALIGN", "AGGREGATION",
		"BUCKETTIMESTAMP", "EMPTY", "WITHLABELS", "SELECTED_LABELS", "FILTER", "GROUPBY":
		return true
	}
	return false
}

func (q *query) takeSelected(args [][]byte) (int, replyError) {
	n := 0
	for n < len(args) && !isQueryWord(args[n]) {
		q.selected = append(q.selected, string(args[n]))
		n++
	}
	if n == 0 {
		return 0, errSelected
	}
	return n, ""
}

func (q *query) takeFilter(args [][]byte) (int, replyError) {
	n := 0
	for n < len(args) && !isQueryWord(args[n]) {
		n++
	}
	var err replyError
	q.hasFilter = true
	q.matchers, err = parseMatchers(args[:n])
	return n, err
}

func (q *query) takeGroup(args [][]byte) (int, replyError) {
	if len(args) < 3 || !is(args[1], "REDUCE") {
		return 0, errGroup
	}
	kind, ok := parseAgg(args[2])
	if !ok || kind == aggFirst || kind == aggLast || kind == aggTwa {
		return 0, errReducer
	}
	q.groupBy, q.reducer = string(args[0]), kind
	return 3, ""
}
