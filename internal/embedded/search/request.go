package search

import (
	"fmt"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	maxSearchResults = 1_000_000 // the limit of RediSearch

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

// page selects a part of the results.
type page struct {
	offset, count int
	isSet         bool
}

// searchRequest is the request of FT.SEARCH or FT.AGGREGATE.
type searchRequest struct {
	query        string
	root         *node // of the parsed query
	dialect      int
	params       map[string]string
	page         page
	noContent    bool
	returnFields []returnedField // nil means everything
	sort         []sortKey
	stages       []stage // of FT.AGGREGATE
}

// returnedField is a field of the reply: the path to read, and the name to
// answer.
type returnedField struct{ path, name string }

type sortKey struct {
	name string
	desc bool
}

func (r *searchRequest) parse(args [][]byte, aggregate bool) resp.Error {
	r.query, r.dialect, r.page = string(args[0]), 2, page{count: 10}
	rest := &arguments{args[1:]}
	for !rest.isEmpty() {
		known, err := r.parseCommonOption(rest)
		if err == "" && !known && aggregate {
			known, err = r.parseStage(rest)
		} else if err == "" && !known {
			known, err = r.parseSearchOption(rest)
		}
		if err != "" {
			return err
		}
		if !known {
			return resp.Error(fmt.Sprintf("Unknown argument `%s` at position %d for <main>", rest.left[0], len(args)-len(rest.left)))
		}
	}
	if r.dialect != 2 {
		return notSupported(fmt.Sprintf("DIALECT %d", r.dialect))
	}
	return ""
}

// parseCommonOption parses an option that both commands have. It returns false for
// an unknown one.
func (r *searchRequest) parseCommonOption(rest *arguments) (known bool, err resp.Error) {
	switch {
	case rest.acceptWord("DIALECT"):
		if rest.isEmpty() {
			return false, errDialectWord
		}
		n, ok := resp.ParseInt(rest.left[0])
		if !ok || n < 1 || n > 4 {
			return false, errDialect
		}
		r.dialect = int(n)
		rest.takeNext()
	case rest.acceptWord("TIMEOUT"):
		if rest.isEmpty() {
			return false, errTimeoutWord
		}
		if n, ok := resp.ParseInt(rest.left[0]); !ok || n < 0 {
			return false, errTimeout
		}
		rest.takeNext()
	case rest.acceptWord("PARAMS"):
		err = r.parseParameters(rest)
	case rest.acceptWord("FORMAT"):
		var format string
		if format, err = rest.takeText("FORMAT"); err == "" && !strings.EqualFold(format, "STRING") {
			err = notSupported("FORMAT " + format)
		}
	case rest.acceptWord("VERBATIM"), rest.acceptWord("WITHCOUNT"), rest.acceptWord("WITHOUTCOUNT"):
	default:
		for _, option := range []string{"WITHCURSOR", "WITHSCORES", "ADDSCORES", "WITHPAYLOADS", "WITHSORTKEYS", "EXPLAINSCORE", "SCORER", "EXPANDER",
			"INKEYS", "INFIELDS", "SLOP", "INORDER", "LANGUAGE", "NOSTOPWORDS", "PAYLOAD", "SUMMARIZE", "HIGHLIGHT", "GEOFILTER", "WITHRAWIDS"} {
			if rest.acceptWord(option) {
				return false, notSupported(option)
			}
		}
		return false, ""
	}
	return true, err
}

func (r *searchRequest) parseParameters(rest *arguments) resp.Error {
	list, err := rest.takeList("PARAMS")
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

// parseSearchOption parses an option that only FT.SEARCH has.
func (r *searchRequest) parseSearchOption(rest *arguments) (known bool, err resp.Error) {
	switch {
	case rest.acceptWord("NOCONTENT"):
		r.noContent = true
	case rest.acceptWord("LIMIT"):
		r.page, err = rest.takeLimit(maxSearchResults)
	case rest.acceptWord("RETURN"):
		err = r.parseReturn(rest)
	case rest.acceptWord("SORTBY"):
		if r.sort != nil {
			return false, errManySortBy
		}
		if rest.isEmpty() {
			return false, errSortBy
		}
		key := sortKey{name: rest.takeNext()}
		if rest.acceptWord("DESC") {
			key.desc = true
		} else {
			rest.acceptWord("ASC")
		}
		r.sort = []sortKey{key}
	case rest.acceptWord("FILTER"):
		return false, notSupported("FILTER")
	default:
		return false, ""
	}
	return true, err
}

func (r *searchRequest) parseReturn(rest *arguments) resp.Error {
	list, err := rest.takeList("RETURN")
	if err != "" {
		return err
	}
	r.returnFields, err = parseReturnedFields(list, "", errReturnName, errReturnAs)
	r.noContent = r.noContent || len(r.returnFields) == 0
	return err
}

// parseReturnedFields parses "path AS name" and plain paths. It removes a prefix
// from the paths.
func parseReturnedFields(list []string, prefix string, errName, errAs resp.Error) ([]returnedField, resp.Error) {
	fields := []returnedField{}
	for i := 0; i < len(list); i++ {
		path := strings.TrimPrefix(list[i], prefix)
		f := returnedField{path, path}
		if i+1 < len(list) && strings.EqualFold(list[i+1], "AS") {
			if i+2 >= len(list) {
				return nil, errName
			}
			if f.name = list[i+2]; strings.EqualFold(f.name, "AS") {
				return nil, errAs
			}
			i += 2
		}
		fields = append(fields, f)
	}
	return fields, ""
}

func (a *arguments) takeLimit(most int64) (page, resp.Error) {
	if len(a.left) < 2 {
		return page{}, errLimitWords
	}
	offset, okOffset := resp.ParseInt(a.left[0])
	num, okNum := resp.ParseInt(a.left[1])
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
	a.left = a.left[2:]
	return page{int(offset), int(num), true}, ""
}
