package linesender_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// TestJitter writes with twenty senders: each waits for a part of the jitter before its first write, and none before a write that follows at once.
func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := defaults(servicetest.RefusingAddr)
		c.Jitter = conf.Duration(4 * time.Second)
		var sum time.Duration
		for range 20 {
			s, _ := newSender(t, c, false)
			began := time.Now()
			write(t.Context(), s, counting(0, 1))
			waited := time.Since(began)
			if waited > c.Jitter.D() {
				t.Errorf("waited %v", waited)
			}
			sum += waited
			began = time.Now()
			write(t.Context(), s, counting(0, 1))
			if waited := time.Since(began); waited > 0 {
				t.Errorf("the second write waited %v", waited)
			}
		}
		if sum < time.Second {
			t.Errorf("all together waited %v", sum)
		}
	})
}
