package redisconn

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The Sentinel that answered last is asked first. The others may be down, and each costs a timeout.
func TestSentinelOrder(t *testing.T) {
	s := sentinel{last: "b:26379"}
	if diff := cmp.Diff([]string{"b:26379", "a:26379", "c:7"}, s.order([]string{"a", "b", "c:7"})); diff != "" {
		t.Error(diff)
	}
}
