package redissearch

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/outputs"
)

// verdicts collects what the server answers to the documents of one write.
type verdicts struct {
	clustered bool
	replies   int       // to the commands of one document
	documents []verdict // each is written by one goroutine

	mu    sync.Mutex // the shards of a cluster answer side by side
	state string     // the first refusal that is about the server, not about a document
	words string     // of the first refusal that we do not know
}

// verdict is what became of one document.
type verdict uint8

const (
	unanswered verdict = iota
	stored
	taken   // its key holds something else
	unknown // refused in words that we do not know
	notNow  // refused for a reason that will pass
)

func newVerdicts(clustered bool, replies, documents int) *verdicts {
	return &verdicts{clustered: clustered, replies: replies, documents: make([]verdict, documents)}
}

// receive reads the replies to one document. A redirection is returned, so that the document is sent again elsewhere.
func (v *verdicts) receive(i int, from *redisconn.Reader) error {
	refusal := ""
	for range v.replies {
		reply, err := from.Item()
		if err != nil {
			return err
		}
		if refusal == "" {
			refusal = string(reply)
		}
	}
	if refusal == "" {
		v.documents[i] = stored
		return nil
	}
	return v.refuse(i, refusal)
}

func (v *verdicts) refuse(i int, reply string) error {
	if _, ok := redisconn.ReadRedirect(reply); ok && v.clustered {
		return redisconn.ServerError(reply)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case isTakenKey(reply):
		v.documents[i] = taken
	case redisconn.IsPassing(reply):
		v.documents[i] = notNow
		v.state = cmp.Or(v.state, reply)
	default:
		v.documents[i] = unknown
		v.words = cmp.Or(v.words, reply)
	}
	return nil
}

// isTakenKey: the key exists and is something else. HSET and JSON.SET have their own words.
func isTakenKey(reply string) bool {
	return strings.HasPrefix(strings.TrimPrefix(reply, "ERR "), "WRONGTYPE ") || strings.Contains(reply, "wrong Redis type")
}

// err returns why documents must be written again, or nil. Refusals in unknown words are a property of the documents when
// others were accepted, and of the server, to be tried again, when none was.
func (v *verdicts) err() error {
	if v.state != "" {
		return redisconn.ServerError(v.state)
	}
	if v.words != "" && !slices.Contains(v.documents, stored) {
		return redisconn.ServerError(v.words)
	}
	return nil
}

// settled returns how many documents, from the first on, need not be written again, and adds those among them that were
// refused to r.
func (v *verdicts) settled(r *rejections) int {
	anyStored := slices.Contains(v.documents, stored)
	end := slices.IndexFunc(v.documents, func(d verdict) bool {
		return d == unanswered || d == notNow || d == unknown && !anyStored
	})
	if end < 0 {
		end = len(v.documents)
	}
	counts := map[verdict]int{}
	for _, d := range v.documents[:end] {
		counts[d]++
	}
	r.add("key_taken", counts[taken], "whose key is taken by something else")
	r.add(outputs.Other, counts[unknown], "refused: "+v.words)
	return end
}
