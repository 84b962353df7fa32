package tsread

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// The limits of a reply. Redis has none, but a peer that claims to be a Redis must not fill the memory.
const (
	maxFound  = 1_000_000 // series in a reply; the caller usually stops earlier
	maxLabels = 256       // of a series
)

// Label is a name and a value that identify or describe a series.
type Label struct{ Name, Value string }

// Found is a series that filters select.
type Found struct {
	Key       string
	Labels    []Label // in the order of Redis; valid until the visitor returns
	Last      Sample  // the newest sample
	HasSample bool
}

// Find calls visit for each series that all filters select, in any order, one at a time. With latest, the newest sample of a compaction is
// that of its open bucket. An error of visit ends it and is returned.
func (r *Reader) Find(ctx context.Context, filters []string, latest bool, visit func(Found) error) error {
	command := redisconn.AppendCommand(nil, 3+len(filters))
	if latest {
		command = redisconn.AppendCommand(nil, 4+len(filters))
	}
	command = redisconn.AppendArg(command, "TS.MGET")
	if latest {
		command = redisconn.AppendArg(command, "LATEST")
	}
	command = redisconn.AppendArg(command, "WITHLABELS")
	command = redisconn.AppendArg(command, "FILTER")
	for _, f := range filters {
		command = redisconn.AppendArg(command, f)
	}
	var mu sync.Mutex
	seen := map[string]struct{}{} // some servers answer for the whole cluster
	visited := 0
	err := r.use(ctx, func(shards *redisconn.Shards) error {
		if visited > 0 {
			return errors.New("the connection broke in the middle of a reply") // not again: visit must not see series twice
		}
		return shards.Each(ctx, command, func(from *redisconn.Reader) error {
			parser := foundParser{words: map[string]string{}}
			return parser.parse(from, func(f Found) error {
				mu.Lock()
				defer mu.Unlock()
				visited++
				if r.client.Clustered {
					if _, again := seen[f.Key]; again {
						return nil
					}
					seen[f.Key] = struct{}{}
				}
				return visit(f)
			})
		})
	})
	return err
}

// foundParser parses a reply to TS.MGET: a list of [key, [[label, value], …], [time, value]], whose last part is empty for a series without
// samples.
type foundParser struct {
	words  map[string]string // label names and values: each is allocated once. nil: each time
	labels []Label
}

func (p *foundParser) parse(from *redisconn.Reader, visit func(Found) error) error {
	n, err := from.ArrayUpTo(maxFound)
	if err != nil {
		return err
	}
	for range n {
		f, err := p.parseOne(from)
		if err != nil {
			return inReply("TS.MGET", err)
		}
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// inReply adds the command to an error. An error reply where a part of a reply should be is not one of the command, so the stream is not in
// order.
func inReply(command string, err error) error {
	return fmt.Errorf("read the reply to %s: %s", command, err.Error()) //nolint:errorlint // it must not wrap a ServerError
}

func (p *foundParser) parseOne(from *redisconn.Reader) (f Found, err error) {
	if err := expectArray(from, 3, "parts of a series"); err != nil {
		return f, err
	}
	key, err := from.Text()
	if err != nil {
		return f, err
	}
	f.Key = string(key)
	if err := p.parseLabels(from); err != nil {
		return f, err
	}
	f.Labels = p.labels
	n, err := from.ArrayUpTo(2)
	if err != nil || n == 0 {
		return f, err
	}
	if n != 2 {
		return f, fmt.Errorf("a sample of %d parts", n)
	}
	f.HasSample = true
	f.Last, err = parseTimeAndValue(from)
	return f, err
}

// parseLabels parses a list of [name, value].
func (p *foundParser) parseLabels(from *redisconn.Reader) error {
	n, err := from.ArrayUpTo(maxLabels)
	if err != nil {
		return err
	}
	p.labels = p.labels[:0]
	for range n {
		l, err := p.parseLabel(from)
		if err != nil {
			return err
		}
		p.labels = append(p.labels, l)
	}
	return nil
}

func (p *foundParser) parseLabel(from *redisconn.Reader) (l Label, err error) {
	if err := expectArray(from, 2, "parts of a label"); err != nil {
		return l, err
	}
	if l.Name, err = p.parseWord(from); err != nil {
		return l, err
	}
	l.Value, err = p.parseWord(from)
	return l, err
}

func (p *foundParser) parseWord(from *redisconn.Reader) (string, error) {
	text, err := from.Text()
	if err != nil {
		return "", err
	}
	word, ok := p.words[string(text)]
	if !ok {
		word = string(text)
		if p.words != nil {
			p.words[word] = word
		}
	}
	return word, nil
}

func expectArray(from *redisconn.Reader, want int, what string) error {
	n, err := from.ArrayUpTo(want)
	if err == nil && n != want {
		err = fmt.Errorf("%d %s, want %d", n, what, want)
	}
	return err
}

// parseTimeAndValue parses what follows the head of a sample.
func parseTimeAndValue(from *redisconn.Reader) (s Sample, err error) {
	text, err := from.Text()
	if err != nil {
		return s, err
	}
	ms, ok := parseDigits(text)
	if !ok {
		return s, fmt.Errorf("%.40q where a time should be", text)
	}
	s.Time = ms
	if text, err = from.Text(); err != nil {
		return s, err
	}
	if v, ok := parseDigits(text); ok {
		s.Value = float64(v) // most values are counters; the general way takes three times as long
		return s, nil
	}
	if s.Value, err = strconv.ParseFloat(string(text), 64); err != nil && !math.IsInf(s.Value, 0) {
		return s, fmt.Errorf("value %.40q is not a number", text)
	}
	return s, nil
}

// parseDigits parses a number of up to 15 decimal digits, which a float64 represents exactly.
func parseDigits(text []byte) (n int64, ok bool) {
	if len(text) == 0 || len(text) > 15 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
