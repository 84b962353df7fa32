package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/internal/selfstat"
)

const (
	segmentSuffix = ".segment"
	asideSuffix   = ".corrupt"
	positionName  = "position"
	numberDigits  = 16

	// A file that opens, but cannot be read in this many attempts over this time, is set aside: a bad sector must not block what comes after it.
	unreadableTries = 10
	unreadableFor   = 5 * time.Minute
)

func isSegmentName(name string) bool {
	return strings.HasSuffix(name, segmentSuffix) || strings.HasSuffix(name, asideSuffix)
}

// segment is one file.
type segment struct {
	number    uint64
	path      string
	size      int64 // of what is synced
	count     int64 // samples or events that are not settled
	records   int64 // that are not settled
	createdMs int64
	isRead    bool  // the reader has begun it
	isPassed  bool  // the reader has reached its end
	isRefused bool  // the reader left it while it was the active one: nothing more is appended
	damage    error // why the reader could not read all of it; nil if it could
}

// segments is the row of segments of one queue, the oldest first. New ones are written and old ones are read at the same time, by one
// goroutine each. After a restart, records are appended to a new segment only.
type segments struct {
	store  *Store
	folder string
	kind   Kind
	log    *slog.Logger
	stats  *selfstat.Disk
	onDrop func(n int) // counts samples or events that are gone without being delivered; must not call methods of the queue

	appending sync.Mutex // held while the active segment is written or closed; taken before store.mu
	file      *os.File   // of the active segment
	written   int64      // bytes in file, including those that are not synced

	backlog atomic.Int64 // records that are not settled

	// Guarded by store.mu.
	isOpen bool
	all    []*segment
	aside  []*segment
	active *segment // the last one, while records are appended to it; nil: the next record begins a new one
	next   uint64   // number of the next segment
	failed unreadable

	// What follows belongs to the goroutine that reads, with store.mu where it changes.
	positions *os.File
	position  position
	current   *segment   // nil: the first one that is not passed
	in        readerFile // of current
	offset    int64      // of the next record in it
	marks     []mark     // records that were read and are not settled; others look at them, too
}

// mark is a record that was read and is not settled.
type mark struct {
	segment     *segment
	offset, end int64
	left        int // samples or events that are not settled
	settled     int // those that are
}

// unreadable is a segment that cannot be read now.
type unreadable struct {
	path  string
	tries int
	since time.Time
}

// giveUp notes that reading a segment failed. It reports whether that is so for too long. The caller holds store.mu.
func (q *segments) giveUp(seg *segment) bool {
	if q.failed.path != seg.path {
		q.failed = unreadable{path: seg.path, since: time.Now()}
	}
	q.failed.tries++
	return q.failed.tries >= unreadableTries && time.Since(q.failed.since) >= unreadableFor
}

// open finds the segments that an earlier run left behind. After an error, nothing is open, and a later call tries again.
func (q *segments) open() error {
	if err := q.store.open(); err != nil {
		return err
	}
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	if q.isOpen {
		return nil
	}
	if err := os.MkdirAll(q.folder, folderMode); err != nil {
		return err
	}
	entries, err := os.ReadDir(q.folder)
	if err != nil {
		return err
	}
	if q.positions, err = os.OpenFile(filepath.Join(q.folder, positionName), os.O_CREATE|os.O_RDWR, fileMode); err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(q.positions, 2*positionSize))
	if err != nil {
		_ = q.positions.Close()
		return err
	}
	q.position = parsePositions(data)
	q.next = max(1, q.position.segment)
	for _, e := range entries { // sorted by name, which is by number
		if err := q.find(e.Name()); err != nil {
			q.forgetAll()
			return err
		}
	}
	if !slices.ContainsFunc(q.all, func(seg *segment) bool { return seg.number == q.position.segment }) {
		q.next = max(q.next, q.position.segment+1) // no new segment may have the number that the position is about
	}
	for _, seg := range q.all {
		q.backlog.Add(seg.records)
	}
	q.isOpen, q.failed = true, unreadable{}
	q.update()
	q.store.enforceLimit()
	return nil
}

// forgetAll closes the position, and makes the segments no longer count. Their files stay.
func (q *segments) forgetAll() {
	if q.positions != nil {
		_ = q.positions.Close()
	}
	for _, seg := range slices.Concat(q.all, q.aside) {
		q.store.size -= seg.size
	}
	q.isOpen, q.positions, q.all, q.aside = false, nil, nil, nil
}

// find adds the file of an earlier run. An error says that the file cannot be read now.
func (q *segments) find(name string) error {
	seg := &segment{path: filepath.Join(q.folder, name)}
	info, err := os.Stat(seg.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return nil
	}
	seg.size, seg.createdMs = info.Size(), info.ModTime().UnixMilli()
	if strings.HasSuffix(name, asideSuffix) {
		q.aside = append(q.aside, seg)
		q.store.size += seg.size
		return nil
	}
	number, isSegment := segmentNumber(name)
	if !isSegment {
		return nil
	}
	seg.number, q.next = number, max(q.next, number+1)
	f, err := q.store.openFile(seg.path)
	if err != nil {
		return err // of rights or of too many open files, for example: it says nothing about this file
	}
	// A number in front of the position does not mean that the segment is settled: an older version of the program may have left it alone.
	err = q.countRecords(f, seg)
	_ = f.Close() // now, because Windows neither renames nor removes open files
	var damage damageError
	switch {
	case errors.Is(err, errNewer):
		q.log.Warn("a file of the buffer on disk is left alone: install the newer version again to write what it holds, or delete the file",
			"file", seg.path, "error", err)
		return nil
	case errors.Is(err, errTorn):
		_ = os.Remove(seg.path)
		return nil
	case errors.As(err, &damage) || err != nil && q.giveUp(seg):
		seg.damage = err
		q.store.size += seg.size
		q.setAside(seg)
		q.countLost(seg)
		return nil
	case err != nil:
		return err
	}
	q.all = append(q.all, seg)
	q.store.size += seg.size
	return nil
}

func segmentNumber(name string) (number uint64, ok bool) {
	digits, isSegment := strings.CutSuffix(name, segmentSuffix)
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, isSegment && err == nil && len(digits) == numberDigits
}

// countRecords reads the headers of a segment and counts what is not settled, up to the first damage, which the reader will judge. If the
// header of the segment is damaged, that is what is lost.
func (q *segments) countRecords(f readerFile, seg *segment) error {
	var room [headerSize]byte
	header := room[:min(headerSize, seg.size)]
	if err := readFull(f, header, 0); err != nil {
		return err
	}
	var headerErr error
	if seg.createdMs, headerErr = parseSegmentHeader(header, q.kind); errors.Is(headerErr, errNewer) {
		return headerErr
	}
	for at := int64(headerSize); at+recordHeader <= seg.size; {
		if err := readFull(f, room[:recordHeader], at); err != nil {
			return err
		}
		r, err := parseRecordHeader(room[:recordHeader])
		end := at + recordHeader + int64(r.length)
		if err != nil || end > seg.size {
			break
		}
		switch {
		case seg.number != q.position.segment || at > q.position.offset:
			seg.count += int64(r.count)
			seg.records++
		case at == q.position.offset:
			seg.count += int64(max(0, r.count-q.position.skip))
			seg.records++
		}
		at = end
	}
	if errors.Is(headerErr, errTorn) && seg.records > 0 {
		return damageError("the header is gone, but there are records")
	}
	return headerErr
}

// readFull reads a part of a segment. A file that ends before it is damaged.
func readFull(f readerFile, room []byte, at int64) error {
	n, err := f.ReadAt(room, at)
	switch {
	case n == len(room):
		return nil
	case errors.Is(err, io.EOF):
		return damageError("the file is shorter than what was written to it")
	}
	return err
}

// close closes the files. The segments stay.
func (q *segments) close() {
	q.appending.Lock()
	defer q.appending.Unlock()
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	q.closeActive()
	q.closeReader()
	q.forgetAll()
	q.store.queues = slices.DeleteFunc(q.store.queues, func(other *segments) bool { return other == q })
}

// begin makes a new segment the active one. The caller holds appending.
func (q *segments) begin() error {
	q.store.mu.Lock()
	number := q.next
	q.store.mu.Unlock()
	seg := &segment{number: number, createdMs: time.Now().UnixMilli()}
	seg.path = filepath.Join(q.folder, fmt.Sprintf("%0*d%s", numberDigits, number, segmentSuffix))
	f, err := os.OpenFile(seg.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if errors.Is(err, fs.ErrNotExist) { // somebody removed the folder
		if err = os.MkdirAll(q.folder, folderMode); err == nil {
			f, err = os.OpenFile(seg.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
		}
	}
	if err == nil {
		_, err = f.Write(appendSegmentHeader(nil, q.kind, seg.createdMs))
		if err == nil {
			err = syncFolder(q.folder)
		}
		if err != nil {
			_ = f.Close()
			_ = os.Remove(seg.path)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		q.store.mu.Lock()
		q.next++
		q.store.mu.Unlock()
	}
	if err != nil {
		return err
	}
	q.file, q.written = f, headerSize
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	q.next++
	q.active, q.all = seg, append(q.all, seg)
	return nil
}

// write appends records to the active segment. The caller holds appending.
func (q *segments) write(data []byte) error {
	n, err := q.file.Write(data)
	q.written += int64(n)
	return err
}

// commit syncs what was written and lets the reader see it. The caller holds appending.
func (q *segments) commit(records, count int) error {
	if err := q.store.Sync(q.file); err != nil {
		return err
	}
	if err := q.checkFile(); err != nil {
		return err
	}
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	seg := q.active
	if seg.isRefused {
		return fmt.Errorf("%s became damaged while it was written; another file is begun", seg.path)
	}
	q.store.size += q.written - seg.size
	seg.size = q.written
	seg.records += int64(records)
	seg.count += int64(count)
	q.backlog.Add(int64(records))
	q.stats.Appended.Add(int64(count))
	q.update()
	q.store.enforceLimit()
	return nil
}

// checkFile returns an error if the active segment is not in its place, so that nobody would find what is appended to it: somebody removed,
// replaced or truncated it. The caller holds appending.
func (q *segments) checkFile() error {
	info, err := os.Stat(q.active.path)
	if err != nil {
		return err
	}
	if info.Size() != q.written {
		return fmt.Errorf("%s has %d bytes instead of %d: another program changed it; another file is begun", q.active.path, info.Size(), q.written)
	}
	return nil
}

// leaveUnusable finishes the active segment if nothing more can be appended to it. The caller holds appending.
func (q *segments) leaveUnusable() {
	if q.active == nil {
		return
	}
	err := q.checkFile()
	q.store.mu.Lock()
	isUnusable := err != nil || q.active.isRefused
	q.store.mu.Unlock()
	if isUnusable {
		q.finish()
	}
}

// finish closes the active segment, because it is full or cannot be used any more. The caller holds appending.
func (q *segments) finish() {
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	q.closeActive()
	q.removePassed()
	q.update()
}

// abandon closes the active segment after an error and cuts off what is not synced. The caller holds appending.
func (q *segments) abandon() {
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	seg := q.active
	if seg == nil {
		return
	}
	if !seg.isRefused {
		_ = q.file.Truncate(seg.size) // what cannot be cut off is not read by this process, and has its checksums
	}
	q.closeActive()
	if seg.size == 0 { // so no reader has it open, either
		_ = os.Remove(seg.path)
		q.forget(seg)
	}
	q.removePassed()
	q.update()
}

func (q *segments) closeActive() {
	if q.file != nil {
		_ = q.file.Close()
	}
	q.file, q.active = nil, nil
}

// drop removes a segment that was not delivered.
func (q *segments) drop(seg *segment) {
	_ = os.Remove(seg.path)
	q.forget(seg)
	q.countLost(seg)
	q.update()
}

// forget removes a segment from the row.
func (q *segments) forget(seg *segment) {
	q.all = slices.DeleteFunc(q.all, func(other *segment) bool { return other == seg })
	q.store.size -= seg.size
	q.backlog.Add(-seg.records)
}

func (q *segments) countLost(seg *segment) {
	if seg.count > 0 {
		q.stats.Dropped.Add(seg.count)
		q.onDrop(int(seg.count))
	}
}

// setAside renames a damaged segment, so that it is not read again. What was in front of the damage is settled. If it cannot be renamed, it
// stays where it is until the limit is reached, and the next start judges it once more.
func (q *segments) setAside(seg *segment) {
	q.stats.Corrupt.Add(1)
	path := seg.path + asideSuffix
	err := os.Rename(seg.path, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		q.store.size -= seg.size
		return
	case err != nil:
		q.log.Warn("a damaged file of the buffer on disk cannot be renamed: check the rights of its folder", "error", err)
		path = seg.path
	}
	q.log.Error("a file of the buffer on disk is damaged and set aside; what was before the damage is written: check the disk, then delete the file",
		"file", path, "lost", seg.count, "error", seg.damage)
	q.aside = append(q.aside, &segment{path: path, size: seg.size, createdMs: seg.createdMs})
}

func (q *segments) removeAside(seg *segment) {
	_ = os.Remove(seg.path)
	q.aside = slices.DeleteFunc(q.aside, func(other *segment) bool { return other == seg })
	q.store.size -= seg.size
	q.update()
}

// update publishes how much the queue holds.
func (q *segments) update() {
	var size, count int64
	for _, seg := range q.all {
		size += seg.size
		count += seg.count
	}
	for _, seg := range q.aside {
		size += seg.size
	}
	q.stats.Bytes.Store(size)
	q.stats.Count.Store(count)
}
