package sockets

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
)

// Owners knows which processes hold which sockets. It belongs to one goroutine.
//
// Reading the descriptors of all processes is the expensive part, so it is done only if there is something to learn: a
// socket that was not there before, or a process that may hold a socket without a known holder. What was learned stays: a
// socket that is handed on to another process keeps the holders that it had when it was first seen, until the last of them
// ended.
type Owners struct {
	proc       string
	dir        *hostfs.Dir
	holders    map[uint64][]int    // of a socket, by ascending pid; empty: none was found
	wanted     map[uint64]struct{} // sockets without a known holder
	sought     map[int]bool        // processes that were read since such sockets were listed
	unreadable int
	previous   map[uint64][]int // the memory of the last but one Update, reused
}

// NewOwners returns an Owners of the processes below root's /proc.
func NewOwners(root hostfs.Root) *Owners {
	return &Owners{
		proc: root.ProcDir().Path(), dir: root.ProcDir(),
		holders: map[uint64][]int{}, previous: map[uint64][]int{}, wanted: map[uint64]struct{}{}, sought: map[int]bool{},
	}
}

// Of returns the processes that hold a socket, by ascending pid. The slice is valid until the next Update; the caller must not
// change it.
func (o *Owners) Of(inode uint64) []int { return o.holders[inode] }

// Unreadable returns how many processes could not be looked into for lack of rights, when they were last read.
func (o *Owners) Unreadable() int { return o.unreadable }

// Update learns the holders of these sockets among these processes, and forgets all other sockets. 0 is not a socket.
func (o *Owners) Update(ctx context.Context, inodes []uint64, pids []int) error {
	alive := make(map[int]bool, len(pids))
	for _, pid := range pids {
		alive[pid] = true
	}
	toRead := pids
	if o.keepKnown(inodes, alive) {
		o.unreadable = 0
	} else { // only a new process can hold what no old one holds
		toRead = slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return o.sought[pid] })
	}
	o.sought = alive
	if len(o.wanted) == 0 {
		return nil
	}
	for _, pid := range toRead {
		err := ctx.Err()
		if err == nil {
			err = o.readProcess(pid)
		}
		if err != nil {
			clear(o.sought) // read all of them next time
			return err
		}
	}
	return nil
}

// keepKnown replaces the sockets by the listed ones, with their holders that are still alive, and collects those without. It
// returns whether one of these was not listed before or has just lost its last holder.
func (o *Owners) keepKnown(inodes []uint64, alive map[int]bool) (fresh bool) {
	isGone := func(pid int) bool { return !alive[pid] }
	kept := o.previous
	clear(kept)
	clear(o.wanted)
	for _, inode := range inodes {
		if inode == 0 {
			continue
		}
		holders, listed := o.holders[inode]
		had := len(holders)
		if slices.ContainsFunc(holders, isGone) {
			holders = slices.DeleteFunc(holders, isGone)
		}
		kept[inode] = holders
		if len(holders) == 0 {
			o.wanted[inode] = struct{}{}
			fresh = fresh || !listed || had > 0
		}
	}
	o.holders, o.previous = kept, o.holders
	return fresh
}

// Forget forgets what a process holds: it ended, and another one has its pid now.
func (o *Owners) Forget(pid int) {
	delete(o.sought, pid)
	for inode, holders := range o.holders {
		if at, found := slices.BinarySearch(holders, pid); found {
			o.holders[inode] = slices.Delete(holders, at, at+1)
		}
	}
}

// readProcess reads the descriptors of one process. A process that ended meanwhile holds nothing.
func (o *Owners) readProcess(pid int) error {
	o.dir.SetPath(filepath.Join(o.proc, strconv.Itoa(pid), "fd"))
	err := o.dir.ReadLinks(func(_, target []byte) {
		if inode, ok := parseSocketLink(target); ok {
			o.addHolder(inode, pid)
		}
	})
	switch {
	case errors.Is(err, fs.ErrPermission):
		o.unreadable++
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH):
		return nil
	}
	return err
}

// addHolder records a holder of a socket that had none.
func (o *Owners) addHolder(inode uint64, pid int) {
	if _, wanted := o.wanted[inode]; !wanted {
		return
	}
	holders := o.holders[inode]
	if at, found := slices.BinarySearch(holders, pid); !found {
		o.holders[inode] = slices.Insert(holders, at, pid)
	}
}

// parseSocketLink parses the target of a descriptor: "socket:[1234]".
func parseSocketLink(target []byte) (inode uint64, ok bool) {
	number, ok := bytes.CutPrefix(target, []byte("socket:["))
	if !ok {
		return 0, false
	}
	if number, ok = bytes.CutSuffix(number, []byte{']'}); !ok {
		return 0, false
	}
	return scan.ParseUint(number)
}
