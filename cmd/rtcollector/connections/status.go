package connections

import (
	"context"
	"errors"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/outputs"
)

// activeTime is how long ago a connection may have begun to be counted as active, where the events must be read for that.
const activeTime = 24 * time.Hour

// Status holds numbers for a shell prompt.
type Status struct {
	Active    int64 // connections that are open now
	Opened    int64 // connections that were opened since midnight
	Alerts    int64 // since midnight
	IsPartial bool  // not all events were read in time: Active is not known, the others are the least numbers
	Empty     bool  // there are no events at all
}

func midnight(now time.Time) time.Time {
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
}

// ReadStatus implements [Store].
func (s *tableStore) ReadStatus(ctx context.Context, now time.Time) (st Status, err error) {
	run, err := s.LatestRun(ctx)
	if err != nil || run.ID == "" {
		return Status{Empty: true}, err
	}
	if st.Active, err = s.CountActive(ctx); err != nil {
		return st, err
	}
	_, err = s.ReadTotals(ctx, outputs.ConnectionQuery{Since: midnight(now)}, func(_ connlog.Group, t connlog.Totals) error {
		st.Opened, st.Alerts = st.Opened+t.Opened, st.Alerts+t.Alerts
		return nil
	})
	return st, err
}

// ReadStatus implements [Store]. It reads the events of a day, and is content with those that it has read when ctx ends.
func (s *eventStore) ReadStatus(ctx context.Context, now time.Time) (st Status, err error) {
	type connection struct {
		run  string
		conn uint64
	}
	open, today := map[connection]bool{}, midnight(now)
	since := now.Add(-activeTime)
	if today.Before(since) { // a day of 25 hours
		since = today
	}
	st.Empty = true
	err = s.ReadConnections(ctx, outputs.ConnectionQuery{Since: since}, func(e connlog.Event) error {
		st.Empty = false
		if e.Direction == connlog.Listen {
			return nil
		}
		switch c := (connection{e.RunID, e.Conn}); {
		case e.Kind == connlog.Close:
			delete(open, c)
		case e.Kind == connlog.Connect && e.Error == "" && len(open) < maxGroups:
			open[c] = true
		}
		if !e.Time.Before(today) {
			var t connlog.Totals
			t.Count(&e)
			st.Opened, st.Alerts = st.Opened+t.Opened, st.Alerts+t.Alerts
		}
		return nil
	})
	if st.Active = int64(len(open)); !st.Empty && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		st.IsPartial, err = true, nil
	}
	return st, err
}
