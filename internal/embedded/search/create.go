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
	maxFields  = 1024 // the limit of RediSearch

	errIndexExists   = resp.Error("Index already exists")
	errNoFields      = resp.Error("Fields arguments are missing")
	errNoSchema      = resp.Error("No schema found")
	errOtherDatabase = resp.Error("Cannot create index on db != 0")
	errManyFields    = resp.Error("Schema is limited to 1024 fields")

	// The end of RediSearch's errors about the value of an option.
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

// createRequest is the request of FT.CREATE.
type createRequest struct {
	definition      definition
	fields          []field
	flags           []string
	skipInitialScan bool
	kind            string
}

func parseCreate(name string, args [][]byte) (createRequest, resp.Error) {
	r := createRequest{definition: definition{score: 1}}
	rest := &arguments{args}
	for known := true; known && !rest.isEmpty(); {
		var err resp.Error
		if known, err = r.parseOption(rest); err != "" {
			return r, err
		}
	}
	hasSchema := rest.acceptWord("SCHEMA")
	switch {
	case r.kind != "" && !strings.EqualFold(r.kind, "HASH") && !strings.EqualFold(r.kind, "JSON"):
		return r, resp.Error("Invalid rule type: " + r.kind)
	case !hasSchema && rest.isEmpty():
		return r, errNoSchema
	case !hasSchema:
		return r, resp.Error(fmt.Sprintf("Unknown argument `%s`", rest.left[0]))
	}
	r.definition.options = slices.DeleteFunc(indexFlags(), func(flag string) bool {
		return !slices.Contains(r.flags, flag) && (flag != "NOHL" || !slices.Contains(r.flags, "NOOFFSETS"))
	})
	r.definition.isJSON = strings.EqualFold(r.kind, "JSON")
	if len(r.definition.prefixes) == 0 {
		r.definition.prefixes = []string{""}
	}
	if rest.isEmpty() {
		return r, errNoFields
	}
	var err resp.Error
	r.fields, err = parseFields(rest, name, r.definition.isJSON, nil)
	return r, err
}

// indexFlags are in the order in which FT.INFO returns them.
func indexFlags() []string {
	return []string{"NOFREQS", "NOFIELDS", "NOOFFSETS", "NOHL", "MAXTEXTFIELDS"}
}

// parseOption parses one option before SCHEMA. It returns false for an unknown one.
func (r *createRequest) parseOption(rest *arguments) (known bool, err resp.Error) {
	for _, flag := range indexFlags() {
		if rest.acceptWord(flag) {
			r.flags = append(r.flags, flag)
			return true, ""
		}
	}
	switch {
	case rest.acceptWord("ON"):
		r.kind, err = rest.takeText("ON")
	case rest.acceptWord("PREFIX"):
		r.definition.prefixes, err = rest.takeList("PREFIX")
	case rest.acceptWord("STOPWORDS"):
		r.definition.stopWordList, err = rest.takeList("STOPWORDS")
		r.definition.stopWords = stopWords{isCustom: true, list: map[string]bool{}}
		for _, word := range r.definition.stopWordList {
			r.definition.stopWords.list[strings.ToLower(word)] = true
		}
	case rest.acceptWord("LANGUAGE"):
		var language string
		if language, err = rest.takeText("LANGUAGE"); err == "" && !strings.EqualFold(language, "english") {
			err = notSupported("LANGUAGE " + language)
		}
	case rest.acceptWord("SCORE"):
		err = r.parseScore(rest)
	case rest.acceptWord("SKIPINITIALSCAN"):
		r.skipInitialScan = true
	case rest.acceptWord("ASYNC"), rest.acceptWord("NOSCOREIDX"):
	case rest.acceptWord("INDEXALL"):
		err = parseIndexAll(rest)
	default:
		for _, option := range []string{"FILTER", "TEMPORARY", "LANGUAGE_FIELD", "SCORE_FIELD", "PAYLOAD_FIELD"} {
			if rest.acceptWord(option) {
				return false, notSupported(option)
			}
		}
		return false, ""
	}
	return true, err
}

func (r *createRequest) parseScore(rest *arguments) resp.Error {
	text, err := rest.takeText("SCORE")
	if err != "" {
		return err
	}
	v, ok := resp.ParseDouble([]byte(text))
	if !ok || v < 0 || v > 1 {
		return "Invalid score"
	}
	r.definition.score = v
	return ""
}

func parseIndexAll(rest *arguments) resp.Error {
	if rest.acceptWord("ENABLE") || rest.acceptWord("DISABLE") {
		return ""
	}
	return "Invalid argument for `INDEXALL`, use ENABLE/DISABLE"
}

// parseFields parses a schema. The existing fields are those that the index
// already has.
func parseFields(rest *arguments, index string, json bool, existing []field) ([]field, resp.Error) {
	var fields []field
	for !rest.isEmpty() {
		if len(existing)+len(fields) >= maxFields {
			return nil, errManyFields
		}
		f := field{path: rest.takeNext(), weight: 1}
		f.name = f.path
		if rest.acceptWord("AS") {
			if rest.isEmpty() {
				return nil, "AS requires an argument"
			}
			f.name = rest.takeNext()
		}
		same := func(other field) bool { return other.name == f.name }
		if slices.ContainsFunc(existing, same) || slices.ContainsFunc(fields, same) {
			return nil, resp.Error("Duplicate field in schema - " + f.name)
		}
		if err := f.parse(rest, json); err != "" {
			return nil, err
		}
		if json {
			var bad resp.Error
			if f.jsonPath, bad = jsondoc.ParsePath([]byte(f.path)); bad != "" || f.jsonPath.IsLegacy() && f.kind == fieldText {
				return nil, resp.Error(fmt.Sprintf("Invalid JSONPath '%s' in attribute '%s' in index '%s'", f.path, f.name, index))
			}
		}
		fields = append(fields, f)
	}
	return fields, ""
}

// parse parses the type and the options of a field.
func (f *field) parse(rest *arguments, json bool) (err resp.Error) {
	switch {
	case rest.isEmpty():
		return resp.Error(fmt.Sprintf("Field `%s` does not have a type", f.name))
	case rest.acceptWord("TEXT"):
		err = f.parseTextOptions(rest)
	case rest.acceptWord("TAG"):
		f.kind = fieldTag
		if !json {
			f.separator = ','
		}
		err = f.parseTagOptions(rest)
	case rest.acceptWord("NUMERIC"):
		f.kind = fieldNumeric
		err = f.refuseUnsupported(rest)
	default:
		for _, kind := range []string{"GEO", "GEOSHAPE", "VECTOR"} {
			if rest.acceptWord(kind) {
				return notSupported("The field type " + kind)
			}
		}
		return resp.Error(fmt.Sprintf("Invalid field type for field `%s`", f.name))
	}
	for err == "" {
		switch {
		case rest.acceptWord("SORTABLE"):
			f.sortable = true
			f.unnormalized = rest.acceptWord("UNF") || json || f.kind == fieldNumeric || f.caseSensitive
		case rest.acceptWord("NOINDEX"):
			f.noIndex = true
		default:
			return ""
		}
	}
	return err
}

// refuseUnsupported returns the error for options that are not supported.
func (f *field) refuseUnsupported(rest *arguments) resp.Error {
	for _, option := range []string{"INDEXEMPTY", "INDEXMISSING", "PHONETIC"} {
		if rest.acceptWord(option) {
			return notSupported(option)
		}
	}
	return ""
}

func (f *field) parseTextOptions(rest *arguments) resp.Error {
	for {
		switch {
		case rest.acceptWord("NOSTEM"):
			f.noStem = true
		case rest.acceptWord("WITHSUFFIXTRIE"):
			f.suffixTrie = true
		case rest.acceptWord("WEIGHT"):
			text, err := rest.takeText("weight")
			if err != "" {
				return err
			}
			v, ok := resp.ParseDouble([]byte(text))
			if !ok {
				return badArgument("weight", notANumber)
			}
			f.weight = v
		default:
			return f.refuseUnsupported(rest)
		}
	}
}

func (f *field) parseTagOptions(rest *arguments) resp.Error {
	for {
		switch {
		case rest.acceptWord("CASESENSITIVE"):
			f.caseSensitive = true
		case rest.acceptWord("WITHSUFFIXTRIE"):
			f.suffixTrie = true
		case rest.acceptWord("SEPARATOR"):
			if rest.isEmpty() {
				return "SEPARATOR requires an argument"
			}
			sep := rest.takeNext()
			if len(sep) != 1 {
				return resp.Error("Tag separator must be a single character. Got `%s`" + sep) // RediSearch does not fill in its format either
			}
			f.separator = sep[0]
		default:
			return f.refuseUnsupported(rest)
		}
	}
}
