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

// pageSize is how many documents one FT.SEARCH returns.
const pageSize = 1000

// Reader reads events. It needs no index of its own, only the one that a [Writer] has made.
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

// ReadEvents implements [outputs.EventReader].
func (r *Reader) ReadEvents(ctx context.Context, q outputs.EventQuery, f func(outputs.FoundEvent) error) error {
	if r.client == nil {
		client, err := redisconn.Open(ctx, r.config.ForSearches(), r.secrets)
		if err != nil {
			return err
		}
		r.client = client
	}
	stop := r.client.CutOn(ctx)
	defer stop()
	words, beginnings := queried(q.Words)
	s := &search{
		Reader: r, q: q, words: append(wholeWords(q.Text), words...), beginnings: beginnings,
		from: millis(q.Since, math.MinInt64), to: millis(q.Until, math.MaxInt64),
	}
	if q.Last == 0 {
		return s.forward(ctx, f)
	}
	found, err := s.backward(ctx)
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

// search reads page after page. A page begins at the time where the previous one ended, not at a number: RediSearch would
// collect everything before that number again.
type search struct {
	*Reader
	q          outputs.EventQuery
	from, to   int64
	words      []string        // that the index is asked for
	beginnings []string        // of words, that are looked for in what it finds
	same       map[string]bool // what was read of the moment where the next page begins
}

// forward reads everything, the oldest first.
func (r *search) forward(ctx context.Context, f func(outputs.FoundEvent) error) error {
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
func (r *search) backward(ctx context.Context) (found []outputs.FoundEvent, err error) {
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
func (r *search) page(ctx context.Context, order string) (page []outputs.FoundEvent, full bool, err error) {
	query, params := r.query()
	args := []any{"FT.SEARCH", r.config.Index, query}
	if r.config.Storage == JSON {
		args = append(args, "RETURN", 1, "$")
	}
	args = append(args, "SORTBY", eventdoc.Timestamp, order, "LIMIT", len(r.same), pageSize)
	// A search that takes longer than the server's timeout (500 ms) ends with what was found by then and does not say so. Ours
	// is longer than that of the connection, whose end is an error.
	args = append(args, "TIMEOUT", 2*r.config.Timeout.D().Milliseconds())
	if len(params) > 0 {
		args = append(append(args, "PARAMS", len(params)), params...)
	}
	args = append(args, "DIALECT", 2) // which has parameters: RediSearch 2.4
	reply, err := r.client.Do(ctx, args...).Slice()
	if err != nil {
		return nil, false, r.explain(ctx, err)
	}
	if len(reply)%2 != 1 {
		return nil, false, fmt.Errorf("the reply to FT.SEARCH %s is not understood", r.config.Index)
	}
	for i := 1; i < len(reply); i += 2 {
		id := asText(reply[i])
		doc, err := r.document(reply[i+1])
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", id, err)
		}
		if doc == nil || r.passed(id, doc.Int(eventdoc.Timestamp), order) || !r.fits(doc) {
			continue
		}
		page = append(page, outputs.FoundEvent{ID: id, Document: doc})
	}
	return page, len(reply)/2 == pageSize, nil
}

// passed notes how far we are, and says whether we have been there.
func (r *search) passed(id string, ms int64, order string) bool {
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

func (r *search) explain(ctx context.Context, err error) error {
	if isUnknownIndex(err.Error(), r.config.Index) {
		return fmt.Errorf("there is no index %s: either nothing was written yet, or index is another", r.config.Index)
	}
	return r.client.Explain(ctx, err)
}

// document reads one of a reply: ["$", text] or names and values. One that has just expired has nothing.
func (r *search) document(v any) (eventdoc.Document, error) {
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

// query writes the conditions in RediSearch's language. Texts are parameters, names and values in turn: nothing in them is
// taken for a part of the query.
func (r *search) query() (query string, params []any) {
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
		if hasStar(c.values) {
			continue // see fits
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
	if len(r.words) > 0 {
		add("@%s:(%s)", eventdoc.Message, strings.Join(r.words, " "))
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
