package redissearch

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/outputs"
)

// writeResults collects the server's replies to the documents of one write.
type writeResults struct {
	clustered bool
	replies   int              // number of commands per document
	documents []documentResult // each is written by one goroutine

	mu             sync.Mutex // protects the fields below: shards of a cluster reply concurrently
	passingRefusal string     // the first refusal that is temporary and concerns the server, not a document
	unknownRefusal string     // the first refusal that we do not know
}

// documentResult is the result of writing one document.
type documentResult uint8

const (
	unanswered documentResult = iota
	stored
	keyTaken       // its key holds a value of another type
	refusedUnknown // refused with a text that we do not know
	refusedForNow  // refused for a temporary reason
)

func newWriteResults(clustered bool, replies, documents int) *writeResults {
	return &writeResults{clustered: clustered, replies: replies, documents: make([]documentResult, documents)}
}

// readReplies reads the replies to one document. It returns a redirection as an error, so that the document is sent to another node.
func (v *writeResults) readReplies(i int, from *redisconn.Reader) error {
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
	return v.recordRefusal(i, refusal)
}

func (v *writeResults) recordRefusal(i int, reply string) error {
	if _, ok := redisconn.ReadRedirect(reply); ok && v.clustered {
		return redisconn.ServerError(reply)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case isOtherKeyType(reply):
		v.documents[i] = keyTaken
	case redisconn.IsPassing(reply):
		v.documents[i] = refusedForNow
		v.passingRefusal = cmp.Or(v.passingRefusal, reply)
	default:
		v.documents[i] = refusedUnknown
		v.unknownRefusal = cmp.Or(v.unknownRefusal, reply)
	}
	return nil
}

// isOtherKeyType reports whether a reply means that the key holds a value of another type. HSET and JSON.SET have different texts.
func isOtherKeyType(reply string) bool {
	return strings.HasPrefix(strings.TrimPrefix(reply, "ERR "), "WRONGTYPE ") || strings.Contains(reply, "wrong Redis type")
}

// retryError returns why documents must be written again, or nil. An unknown refusal concerns its document if other documents were
// stored. If none was stored, it concerns the server, and all are written again.
func (v *writeResults) retryError() error {
	if v.passingRefusal != "" {
		return redisconn.ServerError(v.passingRefusal)
	}
	if v.unknownRefusal != "" && !slices.Contains(v.documents, stored) {
		return redisconn.ServerError(v.unknownRefusal)
	}
	return nil
}

// countSettled returns how many documents, from the first on, are settled. It adds those that were rejected to r.
func (v *writeResults) countSettled(r *rejections) int {
	anyStored := slices.Contains(v.documents, stored)
	end := slices.IndexFunc(v.documents, func(d documentResult) bool {
		return d == unanswered || d == refusedForNow || d == refusedUnknown && !anyStored
	})
	if end < 0 {
		end = len(v.documents)
	}
	counts := map[documentResult]int{}
	for _, d := range v.documents[:end] {
		counts[d]++
	}
	r.addReason("key_taken", counts[keyTaken], "whose key holds a value of another type")
	r.addReason(outputs.Other, counts[refusedUnknown], "refused: "+v.unknownRefusal)
	return end
}
