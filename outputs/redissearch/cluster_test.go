package redissearch_test

import (
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// On a cluster with the module, any node answers for all documents, and the limit applies to the total.
func TestClusterWithSearch(t *testing.T) {
	nodes := redistest.Cluster(t, 3)
	s := &testServer{outputtest.RedisAt(t, nodes[0].Addr())}
	if err := s.Do(t.Context(), "FT._LIST").Err(); err != nil {
		t.Skipf("the nodes have no search commands: %s may name a server that has", redistest.Command)
	}
	for _, storage := range []redissearch.Storage{redissearch.JSON, redissearch.Hash} {
		t.Run(string(storage), func(t *testing.T) {
			c := redissearch.Defaults()
			c.Cluster, c.Storage, c.MaxDocuments, c.TTL = []string{nodes[1].Addr()}, storage, 500, conf.Duration(time.Hour)
			f := open(t, c)
			events := f.events(800)
			for i := range events {
				events[i].Time = time.Now().Add(time.Duration(i) * time.Millisecond)
			}
			write(t, f, events...)
			if n := s.found(t, "*"); n != 500 {
				t.Errorf("%d documents", n)
			}
			f.Limited()
			s.Run(t, []any{"FT.DROPINDEX", "logs_idx"})
			write(t, f, events...)
			s.wait(t, "*", 800)
			for _, n := range nodes {
				n.Do("FLUSHALL")
			}
			write(t, f, events[:10]...)
			s.wait(t, "*", 10)
			for _, n := range nodes {
				n.Do("FLUSHALL")
			}
		})
	}
}
