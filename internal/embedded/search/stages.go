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

// step is one stage that the rows of FT.AGGREGATE go through.
type step struct {
	kind     stageKind
	load     []returned
	loadAll  bool
	groupBy  []string
	reducers []reducer
	sort     []sortKey
	page     page
}

// reducer makes one value of a group.
type reducer struct {
	kind, arg, name string // arg is empty for COUNT
	fault           resp.Error
}

// step reads one stage; SORTBY and LIMIT side by side are one.
func (r *searchRequest) step(w *words) (known bool, err resp.Error) {
	switch {
	case w.take("LOAD"):
		err = r.load(w)
	case w.take("GROUPBY"):
		err = r.groupBy(w)
	case w.take("SORTBY"):
		err = r.arrange().sortBy(w)
	case w.take("LIMIT"):
		r.arrange().page, err = w.limit(math.MaxInt32)
	case w.take("APPLY"):
		return false, notSupported("APPLY")
	case w.take("FILTER"):
		return false, notSupported("FILTER")
	case !r.stepped() && w.take("RETURN"):
		if _, err = w.list("RETURN"); err == "" {
			err = errAggregateRet
		}
		return false, err
	case !r.stepped() && w.take("NOCONTENT"):
	default:
		return false, ""
	}
	return true, err
}

// stepped tells that a step other than SORTBY and LIMIT has been read.
func (r *searchRequest) stepped() bool {
	return slices.ContainsFunc(r.steps, func(s step) bool { return s.kind != stageArrange })
}

func (r *searchRequest) arrange() *step {
	if n := len(r.steps); n == 0 || r.steps[n-1].kind != stageArrange {
		r.steps = append(r.steps, step{kind: stageArrange})
	}
	return &r.steps[len(r.steps)-1]
}

func (s *step) sortBy(w *words) resp.Error {
	if s.sort != nil {
		return errManySortKeys
	}
	list, err := w.list("SORTBY")
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
	if !w.take("MAX") {
		return ""
	}
	if w.empty() {
		return badArgument("MAX", noArgument)
	}
	n, ok := resp.ParseInt(w.left[0])
	if !ok || n < 0 || n > maxSearchResults {
		return badArgument("MAX", notANumber)
	}
	w.next()
	s.page.num, s.page.given = int(n), n > 0
	return ""
}

func (r *searchRequest) load(w *words) resp.Error {
	s := step{kind: stageLoad}
	if !w.empty() && string(w.left[0]) == "*" {
		w.next()
		s.loadAll = true
		r.steps = append(r.steps, s)
		return ""
	}
	list, err := w.list("LOAD")
	if err == badArgument("LOAD", notANumber) {
		return errLoadCount
	}
	if err != "" {
		return err
	}
	for i := 0; i < len(list); i++ {
		path := strings.TrimPrefix(list[i], "@")
		f := returned{path, path}
		if i+1 < len(list) && strings.EqualFold(list[i+1], "AS") {
			if i+2 >= len(list) {
				return errLoadName
			}
			if f.name = list[i+2]; strings.EqualFold(f.name, "AS") {
				return errLoadAs
			}
			i += 2
		}
		s.load = append(s.load, f)
	}
	r.steps = append(r.steps, s)
	return ""
}

func (r *searchRequest) groupBy(w *words) resp.Error {
	s := step{kind: stageGroup}
	list, err := w.list("GROUPBY")
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
	for w.take("REDUCE") {
		if err := s.reduce(w); err != "" {
			return err
		}
	}
	r.steps = append(r.steps, s)
	return ""
}

func (s *step) reduce(w *words) resp.Error {
	if w.empty() {
		return badArgument("REDUCE", "SUCCESS") // RediSearch's own words
	}
	kind, err := w.text("REDUCE")
	if err != "" {
		return err
	}
	args, err := w.list(kind)
	if err != "" {
		return err
	}
	red := reducer{kind: strings.ToUpper(kind), name: "__generated_alias" + strings.ToLower(kind)}
	for i, a := range args {
		args[i] = strings.TrimLeft(a, "@")
	}
	red.name += strings.ToLower(strings.Join(args, ","))
	if w.take("AS") {
		if red.name, err = w.text("AS"); err != "" {
			return err
		}
	}
	red.fault = red.check(kind, args)
	s.reducers = append(s.reducers, red)
	return ""
}

// check finds what is wrong with a reducer; RediSearch says it when it gets to the step.
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
