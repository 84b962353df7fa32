package plugintest

import (
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// Misbehaving gathers from misbehaving servers (see [httpxtest.Misbehaving]) with a user and a password in their addresses. The
// error must name the problem in one line and without the password. Check gets the samples.
func Misbehaving(t *testing.T, def plugins.Definition, servers map[string]string, config func(addr string) string,
	check func(t *testing.T, addr string, b *telemetry.Batch),
) {
	t.Helper()
	for want, addr := range servers {
		t.Run(want, func(t *testing.T) {
			p := Start(t, def, config("me:hidden@"+addr), Env(def.Name(), ""))
			b, err := p.Within(httpxtest.Patience(want), 0)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %s", err, want)
			}
			check(t, addr, b)
		})
	}
}

// Flapping gathers many times from a server whose page comes and goes, and from one that does not exist. Nothing may leak. Without
// the page there are at most own samples.
func Flapping(t *testing.T, def plugins.Definition, page string, own int) {
	t.Helper()
	url, turn := httpxtest.Flapping(t, page)
	p := Start(t, def, "urls: ['"+url+"', 'http://"+servicetest.RefusingAddr+"']", Env(def.Name(), ""))
	servicetest.CheckNoLeaks(t, 500, func(round int) {
		turn(round)
		if b, err := p.Batch(float64(round)); err == nil || (b.Len() > own) != (round%5 == 0) {
			t.Fatalf("round %d: %d samples, %v", round, b.Len(), err)
		}
	})
}
