package telemetry

import "time"

// A series is permanent unless its factory made it with [Factory.Ephemeral]. Permanent series stay in a destination after
// their last sample, because the host may only be switched off. Ephemeral series belong to entities that never come back,
// such as a process or a container with a random name; a destination may delete them some time after their last sample.
//
// A series ends when the entity that it describes is gone, which [Vec.Sweep] finds out. The batch of that gather lists the
// series, so outputs learn of the end after they were given the last sample.

// Ephemeral returns a factory whose series a destination may delete when they had no sample for ttl. A ttl of 0 makes
// permanent series.
func (f *Factory) Ephemeral(ttl time.Duration) *Factory {
	ephemeral := *f
	ephemeral.ttl = ttl
	return &ephemeral
}

// TTL returns how long after its last sample a destination may delete an ephemeral series, 0 for a permanent series. A
// destination keeps a series at least for its retention, and for ever if the retention is unlimited.
func (s *Series) TTL() time.Duration { return s.ttl }

// End marks that no samples of s follow. It does nothing for a nil series and for one that has not had a sample since the
// last End. A later sample begins the series again.
func (b *Batch) End(s *Series) {
	if s != nil && s.begun {
		s.begun, s.ended = false, true
		b.ended = append(b.ended, s)
	}
}

// CopyEnd marks that s ended, in a copy of a batch. Unlike [Batch.End], it does not change the series.
func (b *Batch) CopyEnd(s *Series) { b.ended = append(b.ended, s) }

// Ended returns the series that ended with this gather. Outputs that keep something for each series they know, such as the
// page of an exporter, remove it. Other outputs ignore the list.
func (b *Batch) Ended() []*Series { return b.ended }

// refuseEntities counts entities that have no series because a [Vec] was full.
func (b *Batch) refuseEntities(entities, limit int) {
	b.refusedEntities += entities
	b.entityLimit = limit
}

// RefusedEntities returns how many entities have no series because the limit of their [Vec] was reached, and that limit.
func (b *Batch) RefusedEntities() (entities, limit int) { return b.refusedEntities, b.entityLimit }

// recording returns a factory that adds the series it makes to owned.
func (f *Factory) recording(owned *ownedSeries) *Factory {
	if f == nil {
		return nil
	}
	recording := *f
	recording.owned = owned
	return &recording
}

// withoutSeries returns a factory that makes no series: all handles are nil.
func (f *Factory) withoutSeries() *Factory {
	if f == nil {
		return nil
	}
	none := *f
	none.choice.Wants = func(string) bool { return false }
	return &none
}
