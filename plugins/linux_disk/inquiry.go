package linuxdisk

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// usage is what statfs(2) says, in bytes and inodes.
type usage struct {
	total, free, available float64
	inodes, inodesFree     float64
}

func (u usage) used() float64 { return max(0, u.total-u.free) }

// usedPercent is df's figure: of what a user without privileges could ever have.
func (u usage) usedPercent() (percent float64, ok bool) {
	used := u.used()
	if used+u.available <= 0 {
		return 0, false
	}
	return 100 * used / (used + u.available), true
}

// errStuck says that a file system has not answered an earlier question, or not this one in time.
func errStuck(patience time.Duration) error {
	return fmt.Errorf("no answer for %v; skipped until it answers", patience)
}

// inquiry asks one network file system, in a goroutine of its own: statfs(2) on a dead server cannot be interrupted.
// There is at most one goroutine; while it is stuck, nothing is asked.
type inquiry struct {
	replies chan reply
	pending bool // a question has not been answered
	asked   bool // it was put in this gather
}

type reply struct {
	usage usage
	err   error
}

// ask puts the question, unless an earlier one still waits for its answer.
func (q *inquiry) ask(statfs func(string) (usage, error), path string) {
	if q.replies == nil {
		q.replies = make(chan reply, 1)
	}
	q.asked = false
	if q.pending {
		select {
		case <-q.replies: // too late to be of use
		default:
			return
		}
	}
	q.pending, q.asked = true, true
	go func(replies chan<- reply) {
		u, err := statfs(path)
		replies <- reply{u, err}
	}(q.replies)
}

// wait returns the answer, or errStuck when there is none until ctx is done, which is after patience.
func (q *inquiry) wait(ctx context.Context, patience time.Duration) (usage, error) {
	if !q.asked {
		return usage{}, errStuck(patience)
	}
	select {
	case r := <-q.replies:
		q.pending = false
		return r.usage, r.err
	case <-ctx.Done():
	}
	select { // an answer that arrived together with the end of the patience still counts
	case r := <-q.replies:
		q.pending = false
		return r.usage, r.err
	default:
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return usage{}, ctx.Err()
	}
	return usage{}, errStuck(patience)
}
