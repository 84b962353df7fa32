package agent

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/buffer/disk"
	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/selfstat"
)

// The disk is the second part of an output's queues. While writes succeed, nothing touches it. Once a write has failed, the keeper of
// the output moves what is in memory to the disk at each flush, whatever the writer does meanwhile, and the writer tries with the oldest
// on the disk. Once that succeeds, new data is written from memory again, and the disk is read between. The same happens when a write does
// not fail, but takes so long that the memory fills up.

// Disk describes where outputs keep what they cannot write. An empty path means: in memory only.
type Disk struct {
	Path    string // a folder of this agent alone
	MaxSize int64  // bytes of all queues together
}

// diskRetry is the pause after the disk could not be used.
const diskRetry = 10 * time.Second

// eventCodec returns the codec for the events of this run of the agent.
func eventCodec(run string) disk.Codec[eventList] {
	return disk.Codec[eventList]{
		Kind:       disk.Events,
		Count:      func(l eventList) int { return len(l.events) },
		Weigh:      func(l eventList) int { return l.bytes },
		Split:      splitEvents,
		Skip:       skipEvents,
		MaxWeight:  maxEventRecord,
		NewEncoder: func() disk.Encoder[eventList] { return eventEncoder{disk.EventEncoder{Run: run}} },
		NewDecoder: func() disk.Decoder[eventList] { return eventDecoder{} },
	}
}

// maxEventRecord is how much memory the events of one record on the disk take.
const maxEventRecord = 256 << 10

type eventEncoder struct{ disk.EventEncoder }

func (x eventEncoder) Append(buf []byte, l eventList) []byte {
	for i := range l.events {
		buf = x.EventEncoder.Append(buf, &l.events[i])
	}
	return buf
}

type eventDecoder struct{}

func (eventDecoder) Decode(payload []byte, count int) ([]eventList, error) {
	events, err := disk.DecodeEvents(payload, count)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	return []eventList{newEventList(events)}, nil
}

// diskPart is the part of a queue that is on the disk.
type diskPart[T any] struct {
	*disk.Queue[T]
	stats   *selfstat.Disk
	crowded chan struct{} // receives when the memory fills up although no write has failed
	retryAt time.Time     // when reading is tried again after an error; belongs to the writer
	reading health        // belongs to the writer

	isUsable atomic.Bool // the last attempt to use the disk succeeded

	// What follows belongs to the keeper.
	health health
	isOpen bool
	useAt  time.Time // when the disk is tried again after an error
}

// attachDisk gives a queue its part on the disk.
func attachDisk[T any](q *outputQueue[T], store *disk.Store, output string, codec disk.Codec[T], stats *selfstat.Disk) {
	if store == nil {
		return
	}
	q.disk = &diskPart[T]{stats: stats, crowded: make(chan struct{}, 1), health: health{log: q.log}, reading: health{log: q.log}}
	q.disk.Queue = disk.NewQueue(store, output, codec, stats, func(n int) {
		q.stats.Dropped.Add(int64(n))
		if !q.warnedDisk.Swap(true) {
			q.log.Log(context.Background(), q.dropLevel.Level(),
				"buffer on disk is full or damaged, the oldest are dropped; raise buffer.disk.max_size or fix the output", string(q.kind), n)
		}
	}, q.log)
}

// crowdedShare is the part of the memory from which the disk takes what waits, although no write has failed: the output is too slow, and
// the next item could displace the oldest.
const crowdedShare = 0.75

// relieve makes the keeper store what is in memory if that has become too much.
func (q *outputQueue[T]) relieve() {
	if q.disk != nil && float64(q.items.Weight()) > crowdedShare*float64(q.fill.Limit.Load()) {
		q.moveToDisk()
	}
}

// moveToDisk makes the keeper store what is in memory. It reports false if there is no disk that can be used.
func (q *outputQueue[T]) moveToDisk() bool {
	if q.disk == nil {
		return false
	}
	if !q.spilling.Swap(true) {
		select {
		case q.disk.crowded <- struct{}{}:
		default:
		}
	}
	return q.disk.isUsable.Load()
}

// hasBacklog reports whether something on the disk waits to be written.
func (q *outputQueue[T]) hasBacklog() bool {
	return q.disk != nil && q.disk.HasBacklog() && !time.Now().Before(q.disk.retryAt)
}

// keep opens the disk if it is not open, and stores what is in memory if the output fails. It reports whether it must be called again
// at the next flush.
func (q *outputQueue[T]) keep() (again bool) {
	d := q.disk
	if d == nil {
		return false
	}
	if time.Now().Before(d.useAt) {
		return true
	}
	if !d.isOpen {
		if err := d.Open(); err != nil {
			d.fail(err)
			return true
		}
		d.isOpen = true
		d.isUsable.Store(true)
		d.health.reportSuccess("buffer on disk can be used")
		if n := d.stats.Count.Load(); n > 0 {
			q.log.Info("the buffer on disk holds data of an earlier run, which is written after the new data", string(q.kind), n, "bytes", d.stats.Bytes.Load())
		}
	}
	if !q.spilling.Load() {
		return false
	}
	q.spill()
	return true
}

// fail notes that the disk cannot be used, and lets it rest for a while: trying costs time, and senders that wait for room would have
// it tried again and again.
func (d *diskPart[T]) fail(err error, attrs ...any) {
	d.useAt = time.Now().Add(diskRetry)
	d.isUsable.Store(false)
	d.health.reportFailure(diskFailed, err, attrs...)
}

const diskFailed = "the buffer on disk cannot be used, so data waits in memory; check the folder of buffer.disk.path, its rights and free space"

// spill moves what is in memory to the disk. What cannot be stored stays in memory.
func (q *outputQueue[T]) spill() {
	lease := q.items.Take(nil, math.MaxInt)
	if len(lease.Items) == 0 {
		lease.Settle()
		return
	}
	rest, err := q.disk.Append(lease.Items)
	stored := q.countAll(lease.Items) - q.countAll(rest)
	dropped := lease.Settle(rest...)
	q.fill.Count.Add(int64(-stored))
	q.drop(dropped, "the oldest are dropped")
	q.updateSize()
	if err != nil {
		q.disk.fail(err, keyBuffered, q.fill.Count.Load())
		return
	}
	q.disk.isUsable.Store(true)
	q.warnedFull.Store(false)
	q.disk.health.reportSuccess("buffer on disk can be used")
}

func (q *outputQueue[T]) countAll(items []T) (n int) {
	for _, item := range items {
		n += q.count(item)
	}
	return n
}

// keepRest stores items that could not be written before the end. It returns those that could not be stored either. An append that finds its
// file damaged fails, and the next one begins another file: here, that is the second attempt.
func (q *outputQueue[T]) keepRest(items []T) (lost []T) {
	if q.disk == nil {
		return items
	}
	defer q.disk.Close()
	if len(items) == 0 {
		return nil
	}
	var err error
	for range 2 {
		if items, err = q.disk.Append(items); err == nil {
			return nil
		}
	}
	q.log.Error("the buffer on disk cannot be used, so what is left is lost; check the folder of buffer.disk.path, its rights and free space", keyError, err)
	return items
}

// replay writes one portion from the disk and returns how many samples or events were settled. 0 without an error means that there is
// nothing to write.
func (d *delivery[T]) replay(ctx context.Context) (settled int, err error) {
	q := d.queue
	if !d.hasBacklog() {
		return 0, nil
	}
	lease, err := q.disk.Take(d.scratch, d.backlog.size)
	if err != nil {
		q.disk.retryAt = time.Now().Add(diskRetry)
		q.disk.reading.reportFailure("the buffer on disk cannot be read, so what it holds waits; it is tried again", err, keyOnDisk, q.disk.stats.Count.Load())
		return 0, nil
	}
	q.disk.reading.reportSuccess("the buffer on disk can be read again")
	d.scratch = lease.Items
	if len(lease.Items) == 0 {
		q.disk.Settle(lease, 0, nil)
		if q.disk.HasBacklog() {
			q.disk.retryAt = time.Now().Add(time.Second)
		}
		return 0, nil
	}
	defer clear(d.scratch)
	settled, rest, err := d.attempt(ctx, lease.Items, lease.Weight, &d.backlog)
	q.disk.Settle(lease, settled, rest)
	if err != nil {
		q.disk.Rewind()
		return settled, err
	}
	q.spilling.Store(false)
	q.warnedDisk.Store(false)
	return settled, nil
}

// hasBacklog implements [deliverer]. A writer that was replaced and has not ended may still be reading the disk.
func (d *delivery[T]) hasBacklog() bool { return d.queue.hasBacklog() && isDone(d.after) }

// isDone reports whether a channel is closed, or nil.
func isDone(c <-chan struct{}) bool {
	if c == nil {
		return true
	}
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// spill makes the keeper store what is in memory from now on.
func (d *delivery[T]) spill() { d.queue.spilling.Store(d.queue.disk != nil) }

// keep implements [deliverer].
func (d *delivery[T]) keep() (again bool) { return d.queue.keep() }

// canKeep implements [deliverer].
func (d *delivery[T]) canKeep() bool { return d.queue.disk != nil && d.queue.disk.isUsable.Load() }

// moveToDisk implements [deliverer].
func (d *delivery[T]) moveToDisk() bool { return d.queue.moveToDisk() }

// spillReady receives when a queue fills up.
func (d *delivery[T]) spillReady() <-chan struct{} {
	switch {
	case d.queue.disk == nil, time.Now().Before(d.queue.disk.useAt):
		return nil
	case d.queue.spilling.Load():
		return d.queue.items.Ready()
	}
	return d.queue.disk.crowded
}

// keeper stores the queues of an output on the disk, until it is told to stop.
type keeper struct {
	cancel context.CancelFunc
	ended  chan struct{} // closed when it has stopped
}

// startKeeper starts the keeper of an output that has a disk. It stores nothing before the keeper of the output that was replaced has ended,
// because both use the same files.
func (w *writer) startKeeper(start time.Time) {
	if w.store == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.keeper = &keeper{cancel, make(chan struct{})}
	previous := w.keeping.stop()
	go func() {
		defer close(w.keeper.ended)
		select {
		case <-previous:
		case <-time.After(diskPatience):
			w.log.Warn("the buffer on disk does not answer, so data waits in memory; check the disk of buffer.disk.path")
			<-previous // also if this output ends meanwhile: a successor only waits for this keeper
		}
		if ctx.Err() == nil {
			w.keepOnDisk(ctx, start)
		}
	}()
}

// stop tells the keeper to stop. It returns a channel that is closed when it has. A nil keeper has.
func (k *keeper) stop() <-chan struct{} {
	if k == nil {
		ended := make(chan struct{})
		close(ended)
		return ended
	}
	k.cancel()
	return k.ended
}

// keepOnDisk feeds the disk at each flush while writes fail: the pauses between attempts, and a write that hangs, are longer than what
// a crash may lose. Otherwise it sleeps.
func (w *writer) keepOnDisk(ctx context.Context, start time.Time) {
	due := newSchedule(start, w.limits.Flush, w.lag)
	for {
		again := false
		var ready [2]<-chan struct{}
		for i, d := range w.deliveries {
			again = d.keep() || again
			ready[i] = d.spillReady()
		}
		var flush <-chan time.Time
		if again {
			if left := due.remaining(); left <= 0 || left > w.limits.Flush { // more if the clock was set back
				due.advance(time.Now().Add(-w.lag))
			}
			flush = time.After(due.remaining())
		}
		select {
		case <-ctx.Done():
			return
		case <-flush:
		case <-w.failed:
		case <-ready[0]:
		case <-ready[1]:
		}
	}
}

// wakeKeeper lets the keeper store what waits, because a write failed.
func (w *writer) wakeKeeper() {
	select {
	case w.failed <- struct{}{}:
	default:
	}
}

// moveToDisk makes the keeper store what waits, because memory is short. It reports false if there is no disk that can be used.
func (w *writer) moveToDisk() bool {
	moves := true
	for _, d := range w.deliveries {
		moves = d.moveToDisk() && moves
	}
	return moves
}

// keepsRest reports whether what cannot be written before the end will be kept on the disk.
func (w *writer) keepsRest() bool {
	for _, d := range w.deliveries {
		if !d.canKeep() {
			return false
		}
	}
	return true
}

// hasBacklog reports whether the disk holds data to write.
func (w *writer) hasBacklog() bool {
	for _, d := range w.deliveries {
		if d.hasBacklog() {
			return true
		}
	}
	return false
}

// openStore returns the store of an agent, or nil. Nothing is touched yet.
func openStore(c Config) *disk.Store {
	if c.Disk.Path == "" {
		return nil
	}
	return disk.NewStore(c.Disk.Path, c.Disk.MaxSize, c.Log)
}

// diskPatience is how long the end of an output waits for what its disk is doing.
const diskPatience = 4 * time.Second

// end closes the output. It does not wait for the keeper, whose disk may hang: [Agent.giveUp] does, and the keeper of a successor.
func (w *writer) end() {
	w.keeper.stop()
	w.close()
}

// giveUp gives up what an output left in memory. It does not wait long for a disk that hangs.
func (a *Agent) giveUp(rest remains) (lost []error, hangs bool) {
	if a.store == nil || rest.isNothing() {
		return rest.giveUp(), false
	}
	given := make(chan []error, 1)
	go func() {
		<-rest.keeper.stop() // it uses the same queues
		given <- rest.giveUp()
	}()
	select {
	case errs := <-given:
		return errs, false
	case <-time.After(diskPatience):
	}
	samples, events := rest.count()
	if samples+events == 0 {
		return nil, true
	}
	return []error{fmt.Errorf("output %s: the buffer on disk does not answer: %d samples and %d events in memory are lost", rest.id, samples, events)}, true
}

// giveUpAll gives up all outputs side by side, because each of them may have to wait for the disk, and closes the store.
func (a *Agent) giveUpAll() (lost []error) {
	writers := a.router.set().writers
	errs, hangs := make([][]error, len(writers)), make([]bool, len(writers))
	var all crew.Crew
	for i, w := range writers {
		all.Go(func() { errs[i], hangs[i] = a.giveUp(w.remains()) })
	}
	all.Wait()
	for i, w := range writers {
		if !hangs[i] {
			w.logKept()
		}
	}
	if a.store != nil && !slices.Contains(hangs, true) {
		a.store.Close()
	}
	return slices.Concat(errs...)
}

// logKept logs what the output leaves on the disk.
func (w *writer) logKept() {
	samples, events := w.stats.SampleDisk.Count.Load(), w.stats.EventDisk.Count.Load()
	if samples+events > 0 {
		w.log.Warn("not everything could be written; the rest is kept on disk and will be written at the next start", keySamples, samples, "events", events)
	}
}
