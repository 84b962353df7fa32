package redisstreams_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	redisstreams "github.com/rtcollector/rtcollector/outputs/redis_streams"
)

// A master that becomes a replica keeps its connections. After a refusal the address is resolved again.
func TestDemotedMaster(t *testing.T) {
	first, second := redistest.Start(t), redistest.Start(t)
	c := redisstreams.Defaults()
	if err := c.URL.UnmarshalScalar("secret:url"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET_URL", "redis://"+first.Addr())
	out := open(t, c).(outputs.EventWriter)
	event := []telemetry.Event{{Time: time.UnixMilli(1), Message: "x"}}
	if err := out.WriteEvents(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	first.Do("REPLICAOF", second.Host, second.Port)
	t.Setenv("SECRET_URL", "redis://"+second.Addr())
	if err := out.WriteEvents(t.Context(), event); err == nil || !strings.Contains(err.Error(), "is a read-only replica") {
		t.Errorf("error %v", err)
	}
	if err := out.WriteEvents(t.Context(), event); err != nil {
		t.Error(err)
	}
	if n := second.Do("XLEN", events); n != int64(1) {
		t.Errorf("%v entries in the new master", n)
	}
}
