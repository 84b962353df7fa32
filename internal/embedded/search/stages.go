package search

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errLoadCount    = resp.Error("Bad arguments for LOAD: Expected number of fields or `*`")
	errLoadName     = resp.Error("LOAD path AS name - must be accompanied with NAME")
	errLoadAs       = resp.Error("Alias for LOAD cannot be `AS`")
	errLoadLate     = resp.Error("LOAD cannot be applied after projectors or reducers")
	errAggregateRet = resp.Error("RETURN is not supported on FT.AGGREGATE")
	errManySortKeys = resp.Error("Multiple SORTBY steps are not allowed. Sort multiple fields in a single step")
	errCountArgs    = resp.Error("Count accepts 0 values only")
)

type stageKind uint8

const (
	stageLoad stageKind = iota
	stageGroup
	stageArrange
)

// stage is one step of FT.AGGREGATE.
type stage struct {
	kind     stageKind
	load     []returnedField
	loadAll  bool
	groupBy  []string
	reducers []reducer
	sort     []sortKey
	page     page
}

// reducer computes one value of a group.
type reducer struct {
	kind, arg, name string // COUNT has no argument
	err             resp.Error
}

// parseStage parses one stage. Adjacent SORTBY and LIMIT are one.
func (r *searchRequest) parseStage(rest *arguments) (known bool, err resp.Error) {
	switch {
	case rest.acceptWord("LOAD"):
		err = r.parseLoad(rest)
	case rest.acceptWord("GROUPBY"):
		err = r.parseGroupBy(rest)
	case rest.acceptWord("SORTBY"):
		err = r.sortStage().parseSortBy(rest)
	case rest.acceptWord("LIMIT"):
		r.sortStage().page, err = rest.takeLimit(math.MaxInt32)
	case rest.acceptWord("APPLY"):
		return false, notSupported("APPLY")
	case rest.acceptWord("FILTER"):
		return false, notSupported("FILTER")
	case !r.hasStage() && rest.acceptWord("RETURN"):
		if _, err = rest.takeList("RETURN"); err == "" {
			err = errAggregateRet
		}
		return false, err
	case !r.hasStage() && rest.acceptWord("NOCONTENT"):
	default:
		return false, ""
	}
	return true, err
}

// hasStage reports whether a stage other than SORTBY and LIMIT was parsed.
func (r *searchRequest) hasStage() bool {
	return slices.ContainsFunc(r.stages, func(s stage) bool { return s.kind != stageArrange })
}

func (r *searchRequest) sortStage() *stage {
	if n := len(r.stages); n == 0 || r.stages[n-1].kind != stageArrange {
		r.stages = append(r.stages, stage{kind: stageArrange})
	}
	return &r.stages[len(r.stages)-1]
}

func (s *stage) parseSortBy(rest *arguments) resp.Error {
	if s.sort != nil {
		return errManySortKeys
	}
	list, err := rest.takeList("SORTBY")
	if err != "" {
		return err
	}
	for _, word := range list {
		name, isName := strings.CutPrefix(word, "@")
		switch {
		case isName:
			s.sort = append(s.sort, sortKey{name: name})
		case len(s.sort) > 0 && strings.EqualFold(word, "ASC"):
			s.sort[len(s.sort)-1].desc = false
		case len(s.sort) > 0 && strings.EqualFold(word, "DESC"):
			s.sort[len(s.sort)-1].desc = true
		default:
			return resp.Error(fmt.Sprintf("MISSING ASC or DESC after sort field (%s)", word))
		}
	}
	if !rest.acceptWord("MAX") {
		return ""
	}
	if rest.isEmpty() {
		return badArgument("MAX", noArgument)
	}
	n, ok := resp.ParseInt(rest.left[0])
	if !ok || n < 0 || n > maxSearchResults {
		return badArgument("MAX", notANumber)
	}
	rest.takeNext()
	s.page.count, s.page.isSet = int(n), n > 0
	return ""
}

func (r *searchRequest) parseLoad(rest *arguments) resp.Error {
	s := stage{kind: stageLoad}
	if !rest.isEmpty() && string(rest.left[0]) == "*" {
		rest.takeNext()
		s.loadAll = true
		r.stages = append(r.stages, s)
		return ""
	}
	list, err := rest.takeList("LOAD")
	if err == badArgument("LOAD", notANumber) {
		return errLoadCount
	}
	if err != "" {
		return err
	}
	if s.load, err = parseReturnedFields(list, "@", errLoadName, errLoadAs); err != "" {
		return err
	}
	r.stages = append(r.stages, s)
	return ""
}

func (r *searchRequest) parseGroupBy(rest *arguments) resp.Error {
	s := stage{kind: stageGroup}
	list, err := rest.takeList("GROUPBY")
	if err != "" {
		return err
	}
	for _, word := range list {
		name, ok := strings.CutPrefix(word, "@")
		if !ok {
			return resp.Error(fmt.Sprintf("Bad arguments for GROUPBY: Unknown property `%s`. Did you mean `@%s`?", word, word))
		}
		s.groupBy = append(s.groupBy, name)
	}
	for rest.acceptWord("REDUCE") {
		if err := s.parseReduce(rest); err != "" {
			return err
		}
	}
	r.stages = append(r.stages, s)
	return ""
}

func (s *stage) parseReduce(rest *arguments) resp.Error {
	if rest.isEmpty() {
		return badArgument("REDUCE", "SUCCESS") // RediSearch answers this too
	}
	kind, err := rest.takeText("REDUCE")
	if err != "" {
		return err
	}
	args, err := rest.takeList(kind)
	if err != "" {
		return err
	}
	red := reducer{kind: strings.ToUpper(kind), name: "__generated_alias" + strings.ToLower(kind)}
	for i, a := range args {
		args[i] = strings.TrimLeft(a, "@")
	}
	red.name += strings.ToLower(strings.Join(args, ","))
	if rest.acceptWord("AS") {
		if red.name, err = rest.takeText("AS"); err != "" {
			return err
		}
	}
	red.err = red.check(kind, args)
	s.reducers = append(s.reducers, red)
	return ""
}

// check returns the error of a reducer. RediSearch answers it when the stage
// runs.
func (r *reducer) check(kind string, args []string) resp.Error {
	switch r.kind {
	case "COUNT":
		if len(args) > 0 {
			return errCountArgs
		}
	case "SUM", "AVG", "MIN", "MAX":
		if len(args) == 0 {
			return resp.Error("Missing arguments for " + kind)
		}
		r.arg = args[0]
	case "COUNT_DISTINCT", "COUNT_DISTINCTISH", "STDDEV", "QUANTILE", "TOLIST", "FIRST_VALUE", "RANDOM_SAMPLE", "HLL", "HLL_SUM":
		return notSupported("REDUCE " + r.kind)
	default:
		return resp.Error("No such reducer: " + kind)
	}
	return ""
}
