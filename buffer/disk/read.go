package disk

import (
	"errors"
	"os"
	"slices"
)

// readRecord reads the next record. Ok is false if there is none. IsFirst says that it begins a segment, so that what is known of the
// segment before does not apply. Settled records are returned, too, after a restart, because later ones need their definitions: their
// mark has nothing left and is not remembered. After an error of opening or reading, the next call tries the same record again.
func (q *segments) readRecord(buf []byte) (payload []byte, m mark, isFirst, ok bool, err error) {
	for {
		seg, limit, isActive := q.currentSegment()
		switch {
		case seg == nil, q.offset >= limit && isActive:
			return buf, mark{}, false, false, nil
		case q.offset >= limit:
			q.pass(nil)
			continue
		}
		payload, m, err = q.readAt(buf, seg, limit)
		var damage damageError
		switch {
		case errors.Is(err, errTorn):
			q.log.Info("a record in the buffer on disk is incomplete, because the program or the machine stopped meanwhile; it is left out",
				"file", seg.path, "bytes", limit-q.offset)
			q.pass(nil)
			continue
		case errors.As(err, &damage), errors.Is(err, os.ErrNotExist):
			q.pass(err)
			continue
		case err != nil && q.isUnreadable(seg):
			q.pass(err)
			continue
		case err != nil:
			return buf, mark{}, false, false, err
		}
		isFirst = q.offset == headerSize
		q.offset = m.end
		if p := q.position; seg.number == p.segment {
			switch {
			case m.offset < p.offset:
				m.left, m.settled = 0, m.left
				return payload, m, isFirst, true, nil
			case m.offset == p.offset:
				m.settled = min(p.skip, m.left)
				m.left -= m.settled
			}
		}
		q.note(m)
		return payload, m, isFirst, true, nil
	}
}

// isUnreadable notes an error of the current segment and closes it, so that it is opened again. It reports whether reading, not opening,
// fails for too long.
func (q *segments) isUnreadable(seg *segment) bool {
	if q.in == nil {
		return false
	}
	_ = q.in.Close()
	q.in = nil
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	return q.giveUp(seg)
}

// note remembers a record that is not settled, and that its segment can be read.
func (q *segments) note(m mark) {
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	q.marks = append(q.marks, m)
	if q.failed.path == m.segment.path {
		q.failed = unreadable{}
	}
}

// readAt reads the record at the offset.
func (q *segments) readAt(buf []byte, seg *segment, limit int64) ([]byte, mark, error) {
	if q.in == nil {
		f, err := q.store.openFile(seg.path)
		if err != nil {
			return buf, mark{}, err
		}
		q.in = f
	}
	var head [recordHeader]byte
	rest := limit - q.offset
	if rest < recordHeader {
		return buf, mark{}, errTorn
	}
	if err := readFull(q.in, head[:], q.offset); err != nil {
		return buf, mark{}, err
	}
	r, err := parseRecordHeader(head[:])
	if err != nil {
		if isZero(head[:]) {
			err = q.judgeZeros(err, limit)
		}
		return buf, mark{}, err
	}
	if rest < recordHeader+int64(r.length) {
		return buf, mark{}, errTorn
	}
	buf = slices.Grow(buf[:0], r.length)[:r.length]
	if err := readFull(q.in, buf, q.offset+recordHeader); err != nil {
		return buf, mark{}, err
	}
	if checksum(buf) != r.sum {
		return buf, mark{}, damageError("the checksum of a record is wrong")
	}
	return buf, mark{segment: seg, offset: q.offset, end: q.offset + recordHeader + int64(r.length), left: r.count}, nil
}

// judgeZeros returns errTorn if the file has only zeros from the offset on, as some file systems leave it when the machine stops, and the
// damage if there is something else.
func (q *segments) judgeZeros(damage error, limit int64) error {
	var room [4096]byte
	for at := q.offset; at < limit; at += int64(len(room)) {
		part := room[:min(int64(len(room)), limit-at)]
		if err := readFull(q.in, part, at); err != nil {
			return err
		}
		if !isZero(part) {
			return damage
		}
	}
	return errTorn
}

// currentSegment returns the segment that is being read, which may be the first one that was not, and how far it may be read.
func (q *segments) currentSegment() (seg *segment, limit int64, isActive bool) {
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	if q.current == nil {
		i := slices.IndexFunc(q.all, func(seg *segment) bool { return !seg.isPassed })
		if i < 0 {
			return nil, 0, false
		}
		q.current, q.offset = q.all[i], headerSize
		q.current.isRead = true
	}
	return q.current, q.current.size, q.current == q.active
}

// pass leaves the current segment, because everything in it was read or because it is damaged. In that case it is not appended to any
// more: nobody would read that.
func (q *segments) pass(damage error) {
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	seg := q.current
	seg.isPassed, seg.damage = true, damage
	q.closeReader()
	if seg == q.active {
		seg.isRefused = true
		if q.appending.TryLock() { // otherwise an append is under way, which will fail and close it
			q.closeActive()
			q.appending.Unlock()
		}
	}
	q.removePassed()
	q.update()
}

func (q *segments) closeReader() {
	if q.in != nil {
		_ = q.in.Close()
	}
	q.in, q.current = nil, nil
}

// failRecord takes back the record that was read last, because its payload makes no sense, and leaves its segment.
func (q *segments) failRecord(m mark, err error) {
	q.store.mu.Lock()
	q.marks = slices.DeleteFunc(q.marks, func(other mark) bool { return other == m })
	q.store.mu.Unlock()
	q.pass(err)
}

// settle notes that the next n samples or events are delivered.
func (q *segments) settle(n int) {
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	for len(q.marks) > 0 {
		m := &q.marks[0]
		done := min(n, m.left)
		n -= done
		m.left -= done
		m.settled += done
		m.segment.count -= int64(done)
		q.stats.Replayed.Add(int64(done))
		if m.left > 0 {
			break
		}
		m.segment.records--
		q.backlog.Add(-1)
		q.marks = q.marks[1:]
	}
	q.savePosition()
	q.removePassed()
	q.removeDrained()
	q.update()
}

// savePosition stores how far everything is settled. It is not synced: after a crash of the machine, more is delivered twice.
func (q *segments) savePosition() {
	p := position{counter: q.position.counter + 1, segment: q.next}
	switch {
	case len(q.marks) > 0:
		m := q.marks[0]
		p.segment, p.offset, p.skip = m.segment.number, m.offset, m.settled
	case q.current != nil:
		p.segment, p.offset = q.current.number, q.offset
	default:
		if i := slices.IndexFunc(q.all, func(seg *segment) bool { return !seg.isPassed }); i >= 0 {
			p.segment = q.all[i].number
		}
	}
	q.position = p
	var room [positionSize]byte
	_, _ = q.positions.WriteAt(p.append(room[:0]), int64(p.counter%2)*positionSize) // without it, more is delivered twice
}

// removePassed removes the segments at the front of which everything is settled. One that is still the active one waits until it is closed.
func (q *segments) removePassed() {
	for len(q.all) > 0 && q.all[0].isPassed && q.all[0] != q.active && (len(q.marks) == 0 || q.marks[0].segment != q.all[0]) {
		seg := q.all[0]
		switch {
		case seg.damage == nil:
			_ = os.Remove(seg.path)
			q.forget(seg)
		case errors.Is(seg.damage, os.ErrNotExist):
			q.forget(seg)
		default:
			q.setAside(seg)
			q.all = q.all[1:]
			q.backlog.Add(-seg.records)
		}
		q.countLost(seg)
	}
}

// removeDrained removes the active segment when everything in it is settled, unless it is being written.
func (q *segments) removeDrained() {
	if len(q.all) != 1 || q.all[0] != q.active || q.current != q.active || len(q.marks) > 0 || q.offset < q.active.size {
		return
	}
	if !q.appending.TryLock() {
		return
	}
	defer q.appending.Unlock()
	seg := q.active
	q.closeActive()
	q.closeReader()
	_ = os.Remove(seg.path)
	q.forget(seg)
}

// rewind makes the next record the first one that is not settled, and allows the segments that were read to be dropped.
func (q *segments) rewind() {
	q.store.mu.Lock()
	defer q.store.mu.Unlock()
	q.closeReader()
	q.marks = nil
	for _, seg := range q.all {
		seg.isRead, seg.isPassed, seg.damage = false, false, nil
	}
}
