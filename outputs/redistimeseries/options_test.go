package redistimeseries_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// The server looks for the names of options among the labels, too. A series with any label must be created, altered and written like
// any other.
func TestLabelsThatAreOptions(t *testing.T) {
	for _, word := range []string{"encoding", "uncompressed", "compressed", "ignore", "retention", "chunk_size", "duplicate_policy", "labels"} {
		for _, word := range []string{word, strings.ToUpper(word)} {
			t.Run(word, func(t *testing.T) {
				s := newServer(t)
				c := s.config()
				want := s.ofPlainLabels(t, c)
				for tick := 1; tick <= 2; tick++ {
					c.Retention = redistimeseries.Retention(tick) * 1_000_000 // the second finds the series and alters them
					f := open(t, c)
					for i, pair := range [][2]string{{"zone", word}, {word, "a"}, {"a", word}} {
						g := f.gauge(fmt.Sprintf("g%d", i), pair[0], pair[1])
						write(t, f, batch(tick, g))
					}
				}
				for _, key := range []string{"h1:g0_" + word, "h1:g1_a", "h1:g2_" + word} {
					if got := s.samples(t, key); got != "1=1 2=2" {
						t.Errorf("%s has %q", key, got)
					}
					if got := s.attributes(t, key, "chunkType", "chunkSize", "duplicatePolicy", "ignoreMaxTimeDiff", "retentionTime"); fmt.Sprint(got) != want {
						t.Errorf("%s is %v, want %s", key, got, want)
					}
				}
			})
		}
	}
}

// ofPlainLabels returns the attributes of a series whose labels cannot be mistaken for options.
func (s *testServer) ofPlainLabels(t *testing.T, c redistimeseries.Config) string {
	c.Retention = 2_000_000
	f := open(t, c)
	write(t, f, batch(1, f.gauge("plain", "a", "b")))
	return fmt.Sprint(s.attributes(t, "h1:plain_b", "chunkType", "chunkSize", "duplicatePolicy", "ignoreMaxTimeDiff", "retentionTime"))
}
