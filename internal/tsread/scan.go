package tsread

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

const (
	// scanStep is how many keys Redis looks at before it serves another client. That takes it less than a millisecond.
	scanStep = 1000

	// maxScanned is how many keys of any type a server may have.
	maxScanned = 5_000_000

	// maxFields is more than TS.INFO returns.
	maxFields = 256
)

// ErrScan is the error of [Reader.Keys] for a server with too many keys.
var ErrScan = fmt.Errorf("a server has more than %d keys, too many to look for series among them", maxScanned)

// Keys calls visit for the key of each series that exists all the time, in any order, one at a time. It may visit a key twice. An error of
// visit ends it and is returned.
func (r *Reader) Keys(ctx context.Context, visit func(key string) error) error {
	var mu sync.Mutex
	visitOne := func(key string) error {
		mu.Lock()
		defer mu.Unlock()
		return visit(key)
	}
	return r.use(ctx, func(shards *redisconn.Shards) error {
		return shards.EachPipe(ctx, func(pipe *redisconn.Pipe) error {
			cursor := "0"
			for range maxScanned / scanStep {
				var err error
				if cursor, err = scan(ctx, pipe, cursor, visitOne); err != nil || cursor == "0" {
					return err
				}
			}
			return ErrScan
		})
	})
}

// scan makes one step and returns the cursor of the next.
func scan(ctx context.Context, pipe *redisconn.Pipe, cursor string, visit func(key string) error) (next string, err error) {
	command := redisconn.AppendCommand(nil, 6)
	for _, arg := range []string{"SCAN", cursor, "COUNT", strconv.Itoa(scanStep), "TYPE", "TSDB-TYPE"} {
		command = redisconn.AppendArg(command, arg)
	}
	err = pipe.Do(ctx, command, func(from *redisconn.Reader) error {
		n, err := from.ArrayUpTo(2)
		if err != nil {
			return err
		}
		if n != 2 {
			return fmt.Errorf("read the reply to SCAN: %d parts, want 2", n)
		}
		if next, err = parseKeys(from, visit); err != nil {
			return inReply("SCAN", err)
		}
		return nil
	})
	return next, err
}

func parseKeys(from *redisconn.Reader, visit func(key string) error) (cursor string, err error) {
	text, err := from.Text()
	if err != nil {
		return "", err
	}
	cursor = string(text)
	n, err := from.ArrayUpTo(maxFound)
	if err != nil {
		return "", err
	}
	for range n {
		key, err := from.Text()
		if err != nil {
			return "", err
		}
		if err := visit(string(key)); err != nil {
			return "", err
		}
	}
	return cursor, nil
}

// Info describes a series.
type Info struct {
	Exists      bool
	Labels      []Label // in the order of Redis
	Samples     int64   // how many there are
	First, Last int64   // times of the oldest and the newest sample, in milliseconds
}

// infosAhead is how many series Redis may have to describe before it serves another client.
const infosAhead = 100

// Infos calls visit for each of the keys, in any order, one at a time. An error of visit ends it and is returned.
func (r *Reader) Infos(ctx context.Context, keys []string, visit func(key string, info Info) error) error {
	var mu sync.Mutex
	return r.use(ctx, func(shards *redisconn.Shards) error {
		return shards.Do(ctx, redisconn.Commands{
			Len:  len(keys),
			Slot: func(i int) int { return shards.Slot(keys[i]) },
			Append: func(buf []byte, i int) []byte {
				buf = redisconn.AppendArg(redisconn.AppendCommand(buf, 2), "TS.INFO")
				return redisconn.AppendArg(buf, keys[i])
			},
			Reply: func(i int, from *redisconn.Reader) error {
				info, err := parseInfo(from)
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				return visit(keys[i], info)
			},
			Ahead: infosAhead,
		})
	})
}

// parseInfo parses a reply to TS.INFO: names and values alternate.
func parseInfo(from *redisconn.Reader) (info Info, err error) {
	n, err := from.ArrayUpTo(maxFields)
	if err != nil {
		if refusal, ok := err.(redisconn.ServerError); ok && isMissing(refusal) { //nolint:errorlint // never wrapped
			return info, nil
		}
		return info, err
	}
	info.Exists = true
	for range n / 2 {
		if err := parseField(from, &info); err != nil {
			return info, inReply("TS.INFO", err)
		}
	}
	if n%2 == 1 {
		return info, fmt.Errorf("read the reply to TS.INFO: %d parts, want pairs", n)
	}
	return info, nil
}

func parseField(from *redisconn.Reader, info *Info) error {
	name, err := from.Text()
	if err != nil {
		return err
	}
	switch string(name) {
	case "totalSamples":
		info.Samples, err = from.Int()
	case "firstTimestamp":
		info.First, err = from.Int()
	case "lastTimestamp":
		info.Last, err = from.Int()
	case "labels":
		var parser foundParser
		err = parser.parseLabels(from)
		info.Labels = parser.labels
	default:
		err = from.Skip()
	}
	return err
}

// isMissing reports whether a key does not exist any more, or is not a series any more.
func isMissing(refusal redisconn.ServerError) bool {
	return strings.Contains(string(refusal), "key does not exist") || strings.Contains(string(refusal), "WRONGTYPE")
}
