package redisstreams_test

import (
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/outputs"
)

func TestInspect(t *testing.T) {
	s := redistest.Start(t)
	c := at(t, s.Addr())
	c.Metrics = true
	s.Do("XADD", events, "*", "a", "b")
	s.Do("SET", metrics, "x")
	s.Do("ACL", "SETUSER", "agent", "on", ">pw", "~*", "+ping", "+hello", "+client|setname", "+info", "+xlen", "+acl|whoami")
	c.Username, c.Password = secret.Literal("agent"), secret.Literal("pw")
	report := open(t, c).(outputs.Inspector).Inspect(t.Context(), nil)
	notes, warnings := strings.Join(report.Notes, "\n"), strings.Join(report.Faults, "\n")
	if !strings.Contains(notes, "user agent") || !strings.Contains(notes, "stream rtcollector:events holds 1 entries") {
		t.Errorf("notes:\n%s", notes)
	}
	if want := "rights are missing: ACL SETUSER agent +xadd\nthe key rtcollector:metrics is not a stream"; !strings.HasPrefix(warnings, want) {
		t.Errorf("warnings:\n%s", warnings)
	}
	s.Do("ACL", "SETUSER", "agent", "+xadd")
	open(t, c).(outputs.Inspector).Inspect(t.Context(), nil)
	if n := s.Do("XLEN", events); n != int64(1) {
		t.Errorf("a probe was written: %v entries", n)
	}
}
