package redissearch

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// pageSize is the number of documents that one FT.SEARCH returns.
const pageSize = 1000

// Reader reads events through the index that a [Writer] has created.
type Reader struct {
	config  Settings
	secrets secret.Resolver
	client  *redisconn.Client // nil until the first read
}

// NewEventReader implements [outputs.EventSource].
func (c *Config) NewEventReader(secrets secret.Resolver) outputs.EventReader {
	return &Reader{config: c.settings(), secrets: secrets}
}

// Close implements [outputs.EventReader].
func (r *Reader) Close() error {
	if r.client == nil {
		return nil
	}
	client := r.client
	r.client = nil
	return client.Close()
}

// connect opens the connection if there is none.
func (r *Reader) connect(ctx context.Context) error {
	if r.client != nil {
		return nil
	}
	client, err := redisconn.Open(ctx, r.config.ForSearches(), r.secrets)
	if err == nil {
		r.client = client
	}
	return err
}

// newSearch returns a search that has read nothing yet.
func (r *Reader) newSearch(q outputs.EventQuery) *search {
	words, prefixes := splitQueryWords(q.Words)
	return &search{
		Reader: r, q: q, words: append(wholeWords(q.Text), words...), prefixes: prefixes,
		from: unixMillis(q.Since, math.MinInt64), to: unixMillis(q.Until, math.MaxInt64),
	}
}

// ReadEvents implements [outputs.EventReader].
func (r *Reader) ReadEvents(ctx context.Context, q outputs.EventQuery, f func(outputs.FoundEvent) error) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	stop := r.client.CutOn(ctx)
	defer stop()
	s := r.newSearch(q)
	if q.Last == 0 {
		return s.readForward(ctx, f)
	}
	found, err := s.readBackward(ctx)
	for _, e := range slices.Backward(found) {
		if err := f(e); err != nil {
			return err
		}
	}
	return err
}

func unixMillis(t time.Time, otherwise int64) int64 {
	if t.IsZero() {
		return otherwise
	}
	return t.UnixMilli()
}

// search reads the results of a query page by page. A page begins at the time of the last document of the previous page, not at an
// offset, because RediSearch would collect all documents before the offset again.
type search struct {
	*Reader
	q           outputs.EventQuery
	from, to    int64
	words       []string        // words for the index
	prefixes    []string        // prefixes of words; matchesRest checks them
	readAtBound map[string]bool // IDs that were read and whose time is the start of the next page
}

// readForward reads all documents, oldest first.
func (r *search) readForward(ctx context.Context, f func(outputs.FoundEvent) error) error {
	for {
		page, full, err := r.readPage(ctx, "ASC")
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

// readBackward reads the last q.Last documents, newest first.
func (r *search) readBackward(ctx context.Context) (found []outputs.FoundEvent, err error) {
	for full := true; full && len(found) < r.q.Last; {
		var page []outputs.FoundEvent
		if page, full, err = r.readPage(ctx, "DESC"); err != nil {
			return nil, err
		}
		found = append(found, page...)
	}
	return found[:min(len(found), r.q.Last)], nil
}

// readPage returns the matching documents of the next page. Full means that there may be more pages.
func (r *search) readPage(ctx context.Context, order string) (page []outputs.FoundEvent, full bool, err error) {
	query, params := r.buildQuery()
	args := []any{"FT.SEARCH", r.config.Index, query}
	if r.config.Storage == JSON {
		args = append(args, "RETURN", 1, "$")
	}
	size := r.pageSize()
	args = append(args, "SORTBY", eventdoc.Timestamp, order, "LIMIT", len(r.readAtBound), size)
	reply, err := r.client.Do(ctx, r.appendOptions(args, params)...).Slice()
	if err != nil {
		return nil, false, r.explainError(ctx, err)
	}
	if len(reply)%2 != 1 {
		return nil, false, fmt.Errorf("unexpected reply to FT.SEARCH %s: an even number of elements", r.config.Index)
	}
	for i := 1; i < len(reply); i += 2 {
		id := asText(reply[i])
		doc, err := r.parseDocument(reply[i+1])
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", id, err)
		}
		if doc == nil || r.markRead(id, doc.Int(eventdoc.Timestamp), order) || !r.matchesRest(doc) {
			continue
		}
		page = append(page, outputs.FoundEvent{ID: id, Document: doc})
	}
	return page, len(reply)/2 == size, nil
}

// pageSize returns the number of documents of a page: no more than are wanted, if all documents that the index finds match.
func (r *search) pageSize() int {
	if r.q.Last > 0 && r.isExact() {
		return min(pageSize, r.q.Last)
	}
	return pageSize
}

// appendOptions appends the options that all searches have.
func (r *search) appendOptions(args, params []any) []any {
	// A search that exceeds the server's timeout (500 ms by default) silently returns a part of the results. This timeout is longer than
	// that of the connection, which is an error.
	args = append(args, "TIMEOUT", 2*r.config.Timeout.D().Milliseconds())
	if len(params) > 0 {
		args = append(append(args, "PARAMS", len(params)), params...)
	}
	return append(args, "DIALECT", 2) // supports parameters; since RediSearch 2.4
}

// markRead moves the start of the next page to a document, and reports whether the document was read before.
func (r *search) markRead(id string, ms int64, order string) bool {
	bound := &r.from
	if order == "DESC" {
		bound = &r.to
	}
	if r.readAtBound == nil || ms != *bound {
		r.readAtBound = map[string]bool{}
		*bound = ms
	}
	wasRead := r.readAtBound[id]
	r.readAtBound[id] = true
	return wasRead
}

func (r *search) explainError(ctx context.Context, err error) error {
	if isUnknownIndex(err.Error(), r.config.Index) {
		return fmt.Errorf("there is no index %s: check the setting index, or wait until the output redissearch has created it", r.config.Index)
	}
	return r.client.Explain(ctx, err)
}

// parseDocument parses one document of a reply: ["$", text], or names and values. It returns nil for a document that has just expired.
func (r *search) parseDocument(v any) (eventdoc.Document, error) {
	words, _ := v.([]any)
	pairs := make([]string, 0, len(words))
	for _, word := range words {
		pairs = append(pairs, asText(word))
	}
	if len(pairs) == 0 {
		return nil, nil
	}
	if r.config.Storage == JSON {
		return eventdoc.ParseJSON([]byte(pairs[len(pairs)-1]))
	}
	return eventdoc.ParseHash(pairs), nil
}

// buildQuery returns the conditions in RediSearch's query language. Texts are in params, as alternating names and values, so that
// nothing in them is interpreted as part of the query.
func (r *search) buildQuery() (query string, params []any) {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if r.from != math.MinInt64 || r.to != math.MaxInt64 {
		add("@%s:[%s %s]", eventdoc.Timestamp, formatBound(r.from), formatBound(r.to))
	}
	if r.q.From > telemetry.Emergency || r.q.To < telemetry.Debug {
		add("@%s:[%d %d]", eventdoc.Severity, r.q.From, r.q.To)
	}
	for _, c := range []struct {
		name   string
		values []string
	}{{eventdoc.Host, r.q.Hosts}, {eventdoc.App, r.q.Apps}, {eventdoc.Source, r.q.Sources}} {
		if hasPrefixPattern(c.values) {
			continue // matchesRest checks prefixes
		}
		var choices []string
		for _, v := range c.values {
			if v != "" {
				name := "p" + strconv.Itoa(len(params)/2)
				choices, params = append(choices, "$"+name), append(params, name, v)
			}
		}
		if len(choices) > 0 {
			add("@%s:{%s}", c.name, strings.Join(choices, "|"))
		}
	}
	for _, source := range r.q.NotSources {
		name := "p" + strconv.Itoa(len(params)/2)
		params = append(params, name, source)
		add("-@%s:{$%s}", eventdoc.Source, name)
	}
	if len(r.words) > 0 {
		add("@%s:(%s)", eventdoc.Message, strings.Join(r.words, " "))
	}
	if len(parts) == 0 {
		return "*", nil
	}
	return strings.Join(parts, " "), params
}

func formatBound(ms int64) string {
	switch ms {
	case math.MinInt64:
		return "-inf"
	case math.MaxInt64:
		return "+inf"
	}
	return strconv.FormatInt(ms, 10)
}
