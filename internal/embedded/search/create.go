package search

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/jsondoc"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	maxIndexes = 64
	maxFields  = 1024 // RediSearch's own

	errIndexExists  = resp.Error("Index already exists")
	errNoFields     = resp.Error("Fields arguments are missing")
	errNoSchema     = resp.Error("No schema found")
	errIndexOtherDB = resp.Error("Cannot create index on db != 0")
	errManyFields   = resp.Error("Schema is limited to 1024 fields")

	// How RediSearch ends a sentence about an option's value.
	noArgument  = "Expected an argument, but none provided"
	notANumber  = "Could not convert argument to expected type"
	outOfBounds = "Value is outside acceptable bounds"
)

func notSupported(what string) resp.Error {
	return resp.Error(what + " is not supported by rtcollector's embedded server")
}

func badArgument(option, why string) resp.Error {
	return resp.Error(fmt.Sprintf("Bad arguments for %s: %s", option, why))
}

// words reads the arguments of a search command one by one.
type words struct{ left [][]byte }

func (w *words) empty() bool { return len(w.left) == 0 }

// take consumes the next word when it is the one asked for, in any case.
func (w *words) take(word string) bool {
	if w.empty() || !resp.IsWord(w.left[0], word) {
		return false
	}
	w.left = w.left[1:]
	return true
}

func (w *words) next() string {
	word := string(w.left[0])
	w.left = w.left[1:]
	return word
}

// list reads a count and as many words; option is for the error.
func (w *words) list(option string) ([]string, resp.Error) {
	if w.empty() {
		return nil, badArgument(option, noArgument)
	}
	n, ok := resp.ParseInt(w.left[0])
	if !ok {
		return nil, badArgument(option, notANumber)
	}
	if n < 0 {
		return nil, badArgument(option, outOfBounds)
	}
	if n >= int64(len(w.left)) {
		return nil, badArgument(option, noArgument)
	}
	list := resp.Strings(w.left[1 : n+1])
	w.left = w.left[n+1:]
	return list, ""
}

func (w *words) text(option string) (string, resp.Error) {
	if w.empty() {
		return "", badArgument(option, noArgument)
	}
	return w.next(), ""
}

// createRequest is what FT.CREATE asks for.
type createRequest struct {
	def      definition
	fields   []field
	flags    []string
	skipScan bool
	kind     string
}

func parseCreate(name string, args [][]byte) (createRequest, resp.Error) {
	r := createRequest{def: definition{score: 1}}
	w := &words{args}
	for known := true; known && !w.empty(); {
		var err resp.Error
		if known, err = r.option(w); err != "" {
			return r, err
		}
	}
	hasSchema := w.take("SCHEMA")
	switch {
	case r.kind != "" && !strings.EqualFold(r.kind, "HASH") && !strings.EqualFold(r.kind, "JSON"):
		return r, resp.Error("Invalid rule type: " + r.kind)
	case !hasSchema && w.empty():
		return r, errNoSchema
	case !hasSchema:
		return r, resp.Error(fmt.Sprintf("Unknown argument `%s`", w.left[0]))
	}
	r.def.options = slices.DeleteFunc(indexFlags(), func(flag string) bool {
		return !slices.Contains(r.flags, flag) && (flag != "NOHL" || !slices.Contains(r.flags, "NOOFFSETS"))
	})
	r.def.json = strings.EqualFold(r.kind, "JSON")
	if len(r.def.prefixes) == 0 {
		r.def.prefixes = []string{""}
	}
	if w.empty() {
		return r, errNoFields
	}
	var err resp.Error
	r.fields, err = parseFields(w, name, r.def.json, nil)
	return r, err
}

// indexFlags are in the order in which FT.INFO tells them back.
func indexFlags() []string {
	return []string{"NOFREQS", "NOFIELDS", "NOOFFSETS", "NOHL", "MAXTEXTFIELDS"}
}

// option reads one option before SCHEMA; known is false for anything else.
func (r *createRequest) option(w *words) (known bool, err resp.Error) {
	for _, flag := range indexFlags() {
		if w.take(flag) {
			r.flags = append(r.flags, flag)
			return true, ""
		}
	}
	switch {
	case w.take("ON"):
		r.kind, err = w.text("ON")
	case w.take("PREFIX"):
		r.def.prefixes, err = w.list("PREFIX")
	case w.take("STOPWORDS"):
		r.def.stopList, err = w.list("STOPWORDS")
		r.def.stop = stopWords{own: true, list: map[string]bool{}}
		for _, word := range r.def.stopList {
			r.def.stop.list[strings.ToLower(word)] = true
		}
	case w.take("LANGUAGE"):
		var language string
		if language, err = w.text("LANGUAGE"); err == "" && !strings.EqualFold(language, "english") {
			err = notSupported("LANGUAGE " + language)
		}
	case w.take("SCORE"):
		err = r.score(w)
	case w.take("SKIPINITIALSCAN"):
		r.skipScan = true
	case w.take("ASYNC"), w.take("NOSCOREIDX"):
	case w.take("INDEXALL"):
		err = indexAll(w)
	default:
		for _, option := range []string{"FILTER", "TEMPORARY", "LANGUAGE_FIELD", "SCORE_FIELD", "PAYLOAD_FIELD"} {
			if w.take(option) {
				return false, notSupported(option)
			}
		}
		return false, ""
	}
	return true, err
}

func (r *createRequest) score(w *words) resp.Error {
	text, err := w.text("SCORE")
	if err != "" {
		return err
	}
	v, ok := resp.ParseDouble([]byte(text))
	if !ok || v < 0 || v > 1 {
		return "Invalid score"
	}
	r.def.score = v
	return ""
}

func indexAll(w *words) resp.Error {
	if w.take("ENABLE") || w.take("DISABLE") {
		return ""
	}
	return "Invalid argument for `INDEXALL`, use ENABLE/DISABLE"
}

// parseFields reads a schema; known are the fields that the index has already.
func parseFields(w *words, index string, json bool, known []field) ([]field, resp.Error) {
	var fields []field
	for !w.empty() {
		if len(known)+len(fields) >= maxFields {
			return nil, errManyFields
		}
		f := field{path: w.next(), weight: 1}
		f.name = f.path
		if w.take("AS") {
			if w.empty() {
				return nil, "AS requires an argument"
			}
			f.name = w.next()
		}
		same := func(other field) bool { return other.name == f.name }
		if slices.ContainsFunc(known, same) || slices.ContainsFunc(fields, same) {
			return nil, resp.Error("Duplicate field in schema - " + f.name)
		}
		if err := f.parse(w, json); err != "" {
			return nil, err
		}
		if json {
			var bad resp.Error
			if f.json, bad = jsondoc.ParsePath([]byte(f.path)); bad != "" || f.json.IsLegacy() && f.kind == fieldText {
				return nil, resp.Error(fmt.Sprintf("Invalid JSONPath '%s' in attribute '%s' in index '%s'", f.path, f.name, index))
			}
		}
		fields = append(fields, f)
	}
	return fields, ""
}

// parse reads a field's type and options.
func (f *field) parse(w *words, json bool) (err resp.Error) {
	switch {
	case w.empty():
		return resp.Error(fmt.Sprintf("Field `%s` does not have a type", f.name))
	case w.take("TEXT"):
		err = f.textOptions(w)
	case w.take("TAG"):
		f.kind = fieldTag
		if !json {
			f.separator = ','
		}
		err = f.tagOptions(w)
	case w.take("NUMERIC"):
		f.kind = fieldNumeric
		err = f.refused(w)
	default:
		for _, kind := range []string{"GEO", "GEOSHAPE", "VECTOR"} {
			if w.take(kind) {
				return notSupported("The field type " + kind)
			}
		}
		return resp.Error(fmt.Sprintf("Invalid field type for field `%s`", f.name))
	}
	for err == "" {
		switch {
		case w.take("SORTABLE"):
			f.sortable = true
			f.unf = w.take("UNF") || json || f.kind == fieldNumeric || f.exact
		case w.take("NOINDEX"):
			f.noIndex = true
		default:
			return ""
		}
	}
	return err
}

// refused finds the options that are not supported.
func (f *field) refused(w *words) resp.Error {
	for _, option := range []string{"INDEXEMPTY", "INDEXMISSING", "PHONETIC"} {
		if w.take(option) {
			return notSupported(option)
		}
	}
	return ""
}

func (f *field) textOptions(w *words) resp.Error {
	for {
		switch {
		case w.take("NOSTEM"):
			f.noStem = true
		case w.take("WITHSUFFIXTRIE"):
			f.suffix = true
		case w.take("WEIGHT"):
			text, err := w.text("weight")
			if err != "" {
				return err
			}
			v, ok := resp.ParseDouble([]byte(text))
			if !ok {
				return badArgument("weight", notANumber)
			}
			f.weight = v
		default:
			return f.refused(w)
		}
	}
}

func (f *field) tagOptions(w *words) resp.Error {
	for {
		switch {
		case w.take("CASESENSITIVE"):
			f.exact = true
		case w.take("WITHSUFFIXTRIE"):
			f.suffix = true
		case w.take("SEPARATOR"):
			if w.empty() {
				return "SEPARATOR requires an argument"
			}
			sep := w.next()
			if len(sep) != 1 {
				return resp.Error("Tag separator must be a single character. Got `%s`" + sep) // RediSearch forgot to fill that in
			}
			f.separator = sep[0]
		default:
			return f.refused(w)
		}
	}
}
