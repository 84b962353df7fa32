package search

import (
	"fmt"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	maxSearchResults = 1_000_000 // RediSearch's own

	errLimitWords   = resp.Error("LIMIT requires two arguments")
	errLimitNumbers = resp.Error("LIMIT needs two numeric arguments")
	errLimitOffset  = resp.Error("The `offset` of the LIMIT must be 0 when `num` is 0")
	errLimitMax     = resp.Error("LIMIT exceeds maximum of 1000000")
	errOffsetMax    = resp.Error("OFFSET exceeds maximum of 1000000")
	errSortBy       = resp.Error("Bad SORTBY arguments")
	errManySortBy   = resp.Error("Multiple SORTBY steps are not allowed")
	errDialectWord  = resp.Error("Need an argument for DIALECT")
	errDialect      = resp.Error("DIALECT requires a non negative integer >=1 and <= 4")
	errTimeoutWord  = resp.Error("Need argument for TIMEOUT")
	errTimeout      = resp.Error("TIMEOUT requires a non negative integer")
	errReturnName   = resp.Error("RETURN path AS name - must be accompanied with NAME")
	errReturnAs     = resp.Error("Alias for RETURN cannot be `AS`")
	errParamsCount  = resp.Error("Parameters must be specified in PARAM VALUE pairs")
)

// page is which of the results to answer.
type page struct {
	offset, num int
	given       bool
}

// searchRequest is FT.SEARCH, and what FT.AGGREGATE has in common with it.
type searchRequest struct {
	query     string
	dialect   int
	params    map[string]string
	page      page
	noContent bool
	returns   []returned // nil: everything
	sort      []sortKey
	steps     []step // of FT.AGGREGATE
}

// returned is a field of the reply: what to read and what to call it.
type returned struct{ path, name string }

type sortKey struct {
	name string
	desc bool
}

func (r *searchRequest) parse(args [][]byte, aggregate bool) resp.Error {
	r.query, r.dialect, r.page = string(args[0]), 1, page{num: 10}
	w := &words{args[1:]}
	for !w.empty() {
		known, err := r.common(w)
		if err == "" && !known && aggregate {
			known, err = r.step(w)
		} else if err == "" && !known {
			known, err = r.option(w)
		}
		if err != "" {
			return err
		}
		if !known {
			return resp.Error(fmt.Sprintf("Unknown argument `%s` at position %d for <main>", w.left[0], len(args)-len(w.left)))
		}
	}
	if r.dialect > 2 {
		return notSupported(fmt.Sprintf("DIALECT %d", r.dialect))
	}
	return ""
}

// common reads an option that both commands have.
func (r *searchRequest) common(w *words) (known bool, err resp.Error) {
	switch {
	case w.take("DIALECT"):
		if w.empty() {
			return false, errDialectWord
		}
		n, ok := resp.ParseInt(w.left[0])
		if !ok || n < 1 || n > 4 {
			return false, errDialect
		}
		r.dialect = int(n)
		w.next()
	case w.take("TIMEOUT"):
		if w.empty() {
			return false, errTimeoutWord
		}
		if n, ok := resp.ParseInt(w.left[0]); !ok || n < 0 {
			return false, errTimeout
		}
		w.next()
	case w.take("PARAMS"):
		err = r.parameters(w)
	case w.take("FORMAT"):
		var format string
		if format, err = w.text("FORMAT"); err == "" && !strings.EqualFold(format, "STRING") {
			err = notSupported("FORMAT " + format)
		}
	case w.take("VERBATIM"), w.take("WITHCOUNT"), w.take("WITHOUTCOUNT"):
	default:
		for _, option := range []string{"WITHCURSOR", "WITHSCORES", "ADDSCORES", "WITHPAYLOADS", "WITHSORTKEYS", "EXPLAINSCORE", "SCORER", "EXPANDER",
			"INKEYS", "INFIELDS", "SLOP", "INORDER", "LANGUAGE", "NOSTOPWORDS", "PAYLOAD", "SUMMARIZE", "HIGHLIGHT", "GEOFILTER", "WITHRAWIDS"} {
			if w.take(option) {
				return false, notSupported(option)
			}
		}
		return false, ""
	}
	return true, err
}

func (r *searchRequest) parameters(w *words) resp.Error {
	list, err := w.list("PARAMS")
	if err != "" {
		return err
	}
	if len(list) == 0 || len(list)%2 != 0 {
		return errParamsCount
	}
	r.params = map[string]string{}
	for i := 0; i < len(list); i += 2 {
		if _, twice := r.params[list[i]]; twice {
			return resp.Error(fmt.Sprintf("Duplicate parameter `%s`", list[i]))
		}
		r.params[list[i]] = list[i+1]
	}
	return ""
}

// option reads an option of FT.SEARCH.
func (r *searchRequest) option(w *words) (known bool, err resp.Error) {
	switch {
	case w.take("NOCONTENT"):
		r.noContent = true
	case w.take("LIMIT"):
		r.page, err = w.limit(maxSearchResults)
	case w.take("RETURN"):
		err = r.returning(w)
	case w.take("SORTBY"):
		if r.sort != nil {
			return false, errManySortBy
		}
		if w.empty() {
			return false, errSortBy
		}
		key := sortKey{name: w.next()}
		if w.take("DESC") {
			key.desc = true
		} else {
			w.take("ASC")
		}
		r.sort = []sortKey{key}
	case w.take("FILTER"):
		return false, notSupported("FILTER")
	default:
		return false, ""
	}
	return true, err
}

func (r *searchRequest) returning(w *words) resp.Error {
	list, err := w.list("RETURN")
	if err != "" {
		return err
	}
	r.returns = []returned{}
	for i := 0; i < len(list); i++ {
		f := returned{path: list[i], name: list[i]}
		if i+1 < len(list) && strings.EqualFold(list[i+1], "AS") {
			if i+2 >= len(list) {
				return errReturnName
			}
			if f.name = list[i+2]; strings.EqualFold(f.name, "AS") {
				return errReturnAs
			}
			i += 2
		}
		r.returns = append(r.returns, f)
	}
	r.noContent = r.noContent || len(r.returns) == 0
	return ""
}

func (w *words) limit(most int64) (page, resp.Error) {
	if len(w.left) < 2 {
		return page{}, errLimitWords
	}
	offset, okOffset := resp.ParseInt(w.left[0])
	num, okNum := resp.ParseInt(w.left[1])
	switch {
	case !okOffset || !okNum || offset < 0 || num < 0:
		return page{}, errLimitNumbers
	case num == 0 && offset != 0:
		return page{}, errLimitOffset
	case num > most:
		return page{}, errLimitMax
	case offset > maxSearchResults:
		return page{}, errOffsetMax
	}
	w.left = w.left[2:]
	return page{int(offset), int(num), true}, ""
}
