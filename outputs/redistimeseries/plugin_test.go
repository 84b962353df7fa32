package redistimeseries_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

func TestConformance(t *testing.T) {
	s := newServer(t)
	outputtest.Run(t, outputtest.Case{
		Definition: redistimeseries.Plugin,
		Config:     fmt.Sprintf("{host: %s, port: %d}", s.Host, s.Port),
		Stored:     func(t *testing.T) []string { return slices.Sorted(maps.Keys(s.keys(t))) },
	})
}

func problems(t *testing.T, text string) string {
	t.Helper()
	_, ps := catalogtest.Decode(t, redistimeseries.Plugin, text)
	return ps.In("c.yaml").Error()
}

func TestConfigProblems(t *testing.T) {
	for text, want := range map[string]string{
		"retention: -1":                     `c.yaml:1:12: redistimeseries.retention: must be milliseconds, or a text such as "30m", "12h", "7d", "1w" or "1y"; 0 keeps for ever, not "-1"`,
		"retention: 3 weeks":                `c.yaml:1:12: redistimeseries.retention: must be milliseconds, or a text such as "30m", "12h", "7d", "1w" or "1y"; 0 keeps for ever, not "3 weeks"`,
		"key_format: hostname":              `c.yaml:1:13: redistimeseries.key_format: must be host, bare or tagged, not "hostname"`,
		"hostname: x":                       "c.yaml:1:1: redistimeseries.hostname: is accepted for old configurations and has no effect",
		"http_proxy: x":                     "c.yaml:1:1: redistimeseries.http_proxy: is accepted for old configurations and has no effect",
		"socks4_proxy: socks4://u:pw@h:1":   "c.yaml:1:1: redistimeseries.socks4_proxy: must be a URL such as socks4://user@host:1080; SOCKS4 has no passwords",
		"port: 0":                           "c.yaml:1:1: redistimeseries.port: must be 1 to 65535, not 0",
		"url: redis://:geheim@h:port":       "c.yaml:1:1: redistimeseries.url: must be a URL such as redis://host:6379/0, rediss://host:6379 or unix:///run/redis.sock?db=0",
		"{url: 'redis://:geheim@h', db: 3}": "c.yaml:1:2: redistimeseries.url: replaces host, port and db: use one or the other",
		"url: secret:redis/url":             "",
	} {
		if got := problems(t, text); got != want {
			t.Errorf("%s\n got: %s\nwant: %s", text, got, want)
		}
	}
}

func TestRetention(t *testing.T) {
	for text, want := range map[string]redistimeseries.Retention{
		"0": 0, "60000": 60_000, "30s": 30_000, "30m": 1_800_000, "12h": 43_200_000, "7d": 604_800_000, "1w": 604_800_000,
		"1y": 31_536_000_000, "1.5h": 5_400_000, "0.5d": 43_200_000, "1D": 86_400_000, "1e3": 1000, "1h30m": 5_400_000,
	} {
		var r redistimeseries.Retention
		if err := r.UnmarshalScalar(text); err != nil || r != want {
			t.Errorf("%s: %d %v, want %d", text, r, err, want)
		}
	}
	for _, text := range []string{"-1", "-5m", "", "1.5", "1us", "d", "NaN", "1e300", "10 parsecs"} {
		var r redistimeseries.Retention
		if err := r.UnmarshalScalar(text); err == nil {
			t.Errorf("accepted %q as %d", text, r)
		}
	}
}

func TestCredentialsAreNeverShown(t *testing.T) {
	c := redistimeseries.Defaults()
	if err := c.URL.UnmarshalScalar("redis://user:geheim@127.0.0.1:1/0"); err != nil {
		t.Fatal(err)
	}
	if err := c.SOCKS5Proxy.UnmarshalScalar("socks5://user:geheim@127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	err := newFixture(t, c, "h1", nil).Open(t.Context())
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v %#v", c, c)} {
		if strings.Contains(text, "geheim") {
			t.Errorf("shows the password: %s", text)
		}
	}
	if err == nil || !strings.HasPrefix(err.Error(), "redis 127.0.0.1:1 cannot be reached through its proxy") {
		t.Errorf("error %v", err)
	}
}
