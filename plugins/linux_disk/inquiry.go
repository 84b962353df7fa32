package linuxdisk

import (
	"context"
	"errors"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
)

// spaceUsage is the result of statfs(2), in bytes and inodes.
type spaceUsage struct {
	total, free, available float64
	inodes, inodesFree     float64
}

func (u spaceUsage) usedBytes() float64 { return max(0, u.total-u.free) }

// usedPercent returns the percentage that df shows: of the space that is available to a user without privileges.
func (u spaceUsage) usedPercent() (percent float64, ok bool) {
	used := u.usedBytes()
	if used+u.available <= 0 {
		return 0, false
	}
	return 100 * used / (used + u.available), true
}

// statRequest calls statfs(2) of one network file system, or of any on systems other than Linux, in a separate goroutine, because the call cannot be interrupted when the
// server is dead. At most one goroutine exists. While it hangs, statfs is not called again.
type statRequest struct {
	replies chan reply
	pending bool // a call has not returned
	started bool // a call was started in this gather
}

type reply struct {
	usage spaceUsage
	err   error
}

// startRequest calls statfs in a goroutine, unless an earlier call has not returned.
func (q *statRequest) startRequest(statfs func(string) (spaceUsage, error), path string) {
	if q.replies == nil {
		q.replies = make(chan reply, 1)
	}
	q.started = false
	if q.pending {
		select {
		case <-q.replies: // the answer to an earlier gather is outdated
		default:
			return
		}
	}
	q.pending, q.started = true, true
	go func(replies chan<- reply) {
		u, err := statfs(path)
		replies <- reply{u, err}
	}(q.replies)
}

// awaitReply returns the answer, or sysinfo.ErrStuck if ctx is done first, or if a call of an earlier gather hangs.
func (q *statRequest) awaitReply(ctx context.Context) (spaceUsage, error) {
	if !q.started {
		return spaceUsage{}, sysinfo.ErrStuck
	}
	select {
	case r := <-q.replies:
		q.pending = false
		return r.usage, r.err
	case <-ctx.Done():
	}
	select { // an answer that arrived together with the deadline still counts
	case r := <-q.replies:
		q.pending = false
		return r.usage, r.err
	default:
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return spaceUsage{}, ctx.Err()
	}
	return spaceUsage{}, sysinfo.ErrStuck
}
