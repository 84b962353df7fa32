package redissearch

import (
	"strings"
	"sync"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/outputs"
)

// verdicts collects what the server answers to the documents of one write.
type verdicts struct {
	clustered bool
	replies   int // to the commands of one document

	mu      sync.Mutex // the shards of a cluster answer side by side
	state   string     // a refusal that is about the server, not about a document
	taken   int        // keys that hold something else
	unknown int
	words   string // of the first refusal that we do not know
}

// receive reads the replies to one document. A redirection is returned, so that the document is sent again elsewhere.
func (v *verdicts) receive(_ int, from *redisconn.Reader) error {
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
		return nil
	}
	return v.refuse(refusal)
}

func (v *verdicts) refuse(reply string) error {
	if _, ok := redisconn.ReadRedirect(reply); ok && v.clustered {
		return redisconn.ServerError(reply)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case isTakenKey(reply):
		v.taken++
	case isState(reply):
		if v.state == "" {
			v.state = reply
		}
	default:
		v.unknown++
		if v.words == "" {
			v.words = reply
		}
	}
	return nil
}

// isTakenKey: the key exists and is something else. HSET and JSON.SET have their own words.
func isTakenKey(reply string) bool {
	return strings.HasPrefix(strings.TrimPrefix(reply, "ERR "), "WRONGTYPE ") || strings.Contains(reply, "wrong Redis type")
}

// isState tells refusals that are about the server, and will pass, from those that are about a command: they begin
// with a code of their own (LOADING, OOM, NOPERM …). A command that the server does not know is a module that it
// lacks.
func isState(reply string) bool {
	code, _, _ := strings.Cut(reply, " ")
	if code == "ERR" || len(code) < 3 {
		return strings.HasPrefix(reply, "ERR unknown command") || strings.HasPrefix(reply, "ERR max number of clients")
	}
	return strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}

// settle says what becomes of the write. Refusals that nobody has heard of are a property of the documents when others
// were accepted beside them, and of the server, to be tried again, when none was.
func (v *verdicts) settle(documents int, r *rejections) error {
	if v.state != "" {
		return redisconn.ServerError(v.state)
	}
	if v.unknown > 0 && v.unknown+v.taken == documents {
		return redisconn.ServerError(v.words)
	}
	r.add("key_taken", v.taken, "whose key is taken by something else")
	r.add(outputs.Other, v.unknown, "refused: "+v.words)
	return nil
}
