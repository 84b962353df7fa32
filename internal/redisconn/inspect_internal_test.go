package redisconn

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// States of a server that a test cannot bring about.
func TestWarnings(t *testing.T) {
	for want, info := range map[string]serverInfo{
		"":                            {"role": "master", "maxmemory": "100", "used_memory": "89", "maxmemory_policy": "noeviction"},
		"it could not save to disk":   {"role": "master", "rdb_last_bgsave_status": "err"},
		"it could not save to disk: ": {"role": "master", "aof_last_write_status": "err"},
		"it is still loading":         {"role": "master", "loading": "1"},
		"91 % of maxmemory are used":  {"role": "master", "maxmemory": "100", "used_memory": "91", "maxmemory_policy": "volatile-lru"},
	} {
		got := strings.Join(info.warn(), "; ")
		if !strings.HasPrefix(got, want) || (got == "") != (want == "") {
			t.Errorf("%v: %q, want %q", info, got, want)
		}
	}
}

func TestTimeoutsAreThoseConfigured(t *testing.T) {
	c := Defaults()
	c.Timeout, c.ConnectTimeout = conf.Duration(7*time.Second), conf.Duration(2*time.Second)
	o := options(&c)
	cluster := redis.NewClusterClient(clusterOptions(o, []string{"127.0.0.1:1"}))
	defer func() { _ = cluster.Close() }()
	for _, got := range []time.Duration{o.ReadTimeout, o.WriteTimeout, cluster.Options().ReadTimeout, cluster.Options().WriteTimeout} {
		if got != 7*time.Second {
			t.Errorf("timeout %v", got)
		}
	}
	c.Sentinel = &Sentinel{Addresses: []string{"a", "b"}}
	if got := options(&c).DialTimeout; got != 18*time.Second { // each Sentinel may take its time
		t.Errorf("patience with Sentinels %v", got)
	}
	for _, got := range []time.Duration{o.DialTimeout, cluster.Options().DialTimeout} {
		if got != 6*time.Second {
			t.Errorf("patience with a connection %v", got)
		}
	}
}
