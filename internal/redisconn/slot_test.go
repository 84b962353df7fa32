package redisconn_test

import (
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// The numbers are what CLUSTER KEYSLOT of Redis 7.0.15 answers.
func TestSlot(t *testing.T) {
	for key, want := range map[string]int{
		"": 0, "foo": 12182, "123456789": 12739, "{h1}:a": 9457, "h1": 9457, "x{h1}y{z}": 9457,
		"{}:a": 4330, "foo{{bar}}zap": 4015, "{bar": 4015,
	} {
		if got := redisconn.Slot(key); got != want {
			t.Errorf("%q: %d, want %d", key, got, want)
		}
	}
}
