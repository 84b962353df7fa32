package chaos

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// eventApp is the app of the events of the campaign.
const eventApp = "chaos"

const (
	eventText       = "event "
	eventsPerGather = 10
)

// eventSource is an input with numbered events.
type eventSource struct{ next int64 }

// Gather implements plugins.Gatherer.
func (s *eventSource) Gather(_ context.Context, b *telemetry.Batch) error {
	for range eventsPerGather {
		s.next++
		b.Events = append(b.Events, telemetry.Event{Host: host, App: eventApp, Severity: telemetry.Informational, Message: fmt.Sprint(eventText, s.next)})
	}
	return nil
}

// eventNumber returns the number of an event, unless it is not one of the campaign.
func eventNumber(app, message string) (number int64, ok bool) {
	digits, isOurs := strings.CutPrefix(message, eventText)
	number, err := strconv.ParseInt(digits, 10, 64)
	return number, isOurs && app == eventApp && err == nil
}

// readEvents returns how often each event of the campaign is on a server.
func readEvents(ctx context.Context, c *redis.Client) (map[int64]int, error) {
	keys, err := c.Keys(ctx, "log:*").Result()
	if err != nil {
		return nil, err
	}
	p := c.Pipeline()
	var replies []*redis.SliceCmd
	for _, key := range keys {
		replies = append(replies, p.HMGet(ctx, key, eventdoc.App, eventdoc.Message))
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, err
	}
	all := map[int64]int{}
	for _, r := range replies {
		if number, ok := eventNumber(fmt.Sprint(r.Val()[0]), fmt.Sprint(r.Val()[1])); ok {
			all[number]++
		}
	}
	return all, nil
}
