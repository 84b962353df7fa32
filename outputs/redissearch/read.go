package redissearch

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// pageSize is how many documents one FT.SEARCH returns.
const pageSize = 1000

// ReadEvents implements [outputs.EventReader]. It connects if need be, and changes nothing.
func (w *Writer) ReadEvents(ctx context.Context, q outputs.EventQuery, f func(outputs.FoundEvent) error) error {
	if w.client == nil {
		client, err := redisconn.Open(ctx, w.config.Config, w.secrets)
		if err != nil {
			return err
		}
		w.client, w.shards = client, client.NewShards()
	}
	r := &eventReader{w: w, q: q, from: millis(q.Since, math.MinInt64), to: millis(q.Until, math.MaxInt64)}
	if q.Last == 0 {
		return r.forward(ctx, f)
	}
	found, err := r.backward(ctx)
	for _, e := range slices.Backward(found) {
		if err := f(e); err != nil {
			return err
		}
	}
	return err
}

func millis(t time.Time, otherwise int64) int64 {
	if t.IsZero() {
		return otherwise
	}
	return t.UnixMilli()
}

// eventReader reads page after page. Pages begin where the one before ended, at a time and not at a number: RediSearch
// would collect all that comes before that number again.
type eventReader struct {
	w        *Writer
	q        outputs.EventQuery
	from, to int64
	same     map[string]bool // what was read of the moment where the next page begins
}

// forward reads everything, the oldest first.
func (r *eventReader) forward(ctx context.Context, f func(outputs.FoundEvent) error) error {
	for {
		page, full, err := r.page(ctx, "ASC")
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := f(e); err != nil {
				return err
			}
		}
		if !full {
			return nil
		}
	}
}

// backward reads the newest, the newest first.
func (r *eventReader) backward(ctx context.Context) (found []outputs.FoundEvent, err error) {
	for full := true; full && len(found) < r.q.Last; {
		var page []outputs.FoundEvent
		if page, full, err = r.page(ctx, "DESC"); err != nil {
			return nil, err
		}
		found = append(found, page...)
	}
	return found[:min(len(found), r.q.Last)], nil
}

// page returns the next documents, without those that do not have the text; full says that there may be more.
func (r *eventReader) page(ctx context.Context, order string) (page []outputs.FoundEvent, full bool, err error) {
	query, params := r.query()
	args := []any{"FT.SEARCH", r.w.config.Index, query}
	if r.w.config.Storage == JSON {
		args = append(args, "RETURN", 1, "$")
	}
	args = append(args, "SORTBY", eventdoc.Timestamp, order, "LIMIT", len(r.same), pageSize)
	if len(params) > 0 {
		args = append(append(args, "PARAMS", len(params)), params...)
	}
	args = append(args, "DIALECT", 2) // which has parameters: RediSearch 2.4
	reply, err := r.w.client.Do(ctx, args...).Slice()
	if err != nil {
		return nil, false, r.explain(ctx, err)
	}
	if len(reply)%2 != 1 {
		return nil, false, fmt.Errorf("the reply to FT.SEARCH %s is not understood", r.w.config.Index)
	}
	for i := 1; i < len(reply); i += 2 {
		id := asText(reply[i])
		doc, err := r.document(reply[i+1])
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", id, err)
		}
		if doc == nil || r.passed(id, doc.Number(eventdoc.Timestamp), order) || !contains(doc.Text(eventdoc.Message), r.q.Text) {
			continue
		}
		page = append(page, outputs.FoundEvent{ID: id, Document: doc})
	}
	return page, len(reply)/2 == pageSize, nil
}

// passed notes how far we are, and says whether we have been there.
func (r *eventReader) passed(id string, ms int64, order string) bool {
	bound := &r.from
	if order == "DESC" {
		bound = &r.to
	}
	if r.same == nil || ms != *bound {
		r.same = map[string]bool{}
		*bound = ms
	}
	seen := r.same[id]
	r.same[id] = true
	return seen
}

func (r *eventReader) explain(ctx context.Context, err error) error {
	if isUnknownIndex(err.Error(), r.w.config.Index) {
		return fmt.Errorf("there is no index %s: either nothing was written yet, or index is another", r.w.config.Index)
	}
	return r.w.client.Explain(ctx, err)
}

// document reads one of a reply: ["$", text] or names and values. One that has just expired has nothing.
func (r *eventReader) document(v any) (eventdoc.Document, error) {
	words, _ := v.([]any)
	pairs := make([]string, 0, len(words))
	for _, word := range words {
		pairs = append(pairs, asText(word))
	}
	if len(pairs) == 0 {
		return nil, nil
	}
	if r.w.config.Storage == JSON {
		return eventdoc.ParseJSON([]byte(pairs[len(pairs)-1]))
	}
	return eventdoc.ParseHash(pairs), nil
}

// query writes the conditions in RediSearch's language. Texts are parameters, names and values in turn: nothing in them is
// taken for a part of the query.
func (r *eventReader) query() (query string, params []any) {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if r.from != math.MinInt64 || r.to != math.MaxInt64 {
		add("@%s:[%s %s]", eventdoc.Timestamp, bound(r.from), bound(r.to))
	}
	if r.q.From > telemetry.Emergency || r.q.To < telemetry.Debug {
		add("@%s:[%d %d]", eventdoc.Severity, r.q.From, r.q.To)
	}
	for _, c := range []struct {
		name   string
		values []string
	}{{eventdoc.Host, r.q.Hosts}, {eventdoc.App, r.q.Apps}, {eventdoc.Source, r.q.Sources}} {
		if slices.Contains(c.values, "*") {
			continue
		}
		var choices []string
		for _, v := range c.values {
			switch {
			case strings.HasSuffix(v, "*"):
				choices = append(choices, beginning(v))
			case v != "":
				name := "p" + strconv.Itoa(len(params)/2)
				choices, params = append(choices, "$"+name), append(params, name, v)
			}
		}
		if len(choices) > 0 {
			add("@%s:{%s}", c.name, strings.Join(choices, "|"))
		}
	}
	if words := append(wholeWords(r.q.Text), queried(r.q.Words)...); len(words) > 0 {
		add("@%s:(%s)", eventdoc.Message, strings.Join(words, " "))
	}
	if len(parts) == 0 {
		return "*", nil
	}
	return strings.Join(parts, " "), params
}

func bound(ms int64) string {
	switch ms {
	case math.MinInt64:
		return "-inf"
	case math.MaxInt64:
		return "+inf"
	}
	return strconv.FormatInt(ms, 10)
}

// beginning writes what a value begins with, and a star; no parameter can say that. Of characters that cannot be escaped
// nothing is known.
func beginning(v string) string {
	var b strings.Builder
	for _, c := range strings.TrimSuffix(v, "*") {
		switch {
		case c < ' ' || c == 0x7f || c == unicode.ReplacementChar:
			continue
		case c < unicode.MaxASCII && c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c):
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String() + "*"
}

// separators are bytes at which RediSearch ends a word for sure.
const separators = " \t,.:;()[]{}<>\"'=+-/"

// wholeWords returns the words of a text that stand between separators: a message with the text has them in the index as they
// are. At its ends there may be parts of words, which the index finds only up to a number of words (MAXPREFIXEXPANSIONS).
func wholeWords(text string) (words []string) {
	first, last := strings.IndexAny(text, separators), strings.LastIndexAny(text, separators)
	if first < 0 {
		return nil
	}
	for word := range strings.FieldsFuncSeq(text[first:last+1], func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if isPlain(word) {
			words = append(words, word)
		}
	}
	return words
}

// isPlain says whether a word stands in the index as it is written: short ones and those without meaning do not, and what others
// are made of, RediSearch has rules for.
func isPlain(word string) bool {
	for _, c := range []byte(word) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(word) > 1 && !strings.Contains(stopWords, " "+strings.ToLower(word)+" ")
}

// stopWords are those that RediSearch leaves out of an index, if nothing else is said.
const stopWords = " a is the an and are as at be but by for if in into it no not of on or such that their then there these they this to was will with "

// queried writes words for a query; those with a star at the end stand for all that begin so.
func queried(words []string) (list []string) {
	for _, word := range words {
		for part := range strings.FieldsFuncSeq(word, func(r rune) bool { return r != '*' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			plain := strings.Trim(part, "*")
			if plain == "" || strings.Contains(stopWords, " "+strings.ToLower(plain)+" ") {
				continue
			}
			if strings.HasSuffix(part, "*") {
				plain += "*"
			}
			list = append(list, plain)
		}
	}
	return list
}

// contains says whether a text stands in another, whether in capitals or not.
func contains(message, text string) bool {
	return text == "" || strings.Contains(strings.ToLower(message), strings.ToLower(text))
}
