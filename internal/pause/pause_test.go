package pause

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoff(t *testing.T) {
	for _, b := range []Backoff{{}, {First: time.Second, Longest: 30 * time.Second}} {
		for range 2 {
			for _, whole := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
				if d := b.Next(); d < whole*time.Second/2 || d > whole*time.Second {
					t.Errorf("paused %v, want at most %d s and at least half of that", d, whole)
				}
			}
			b.Reset()
		}
	}
}

func TestAfterProgress(t *testing.T) {
	var b Backoff
	for took, want := range map[time.Duration]time.Duration{0: shortest, 8 * time.Second: time.Second / 2, time.Hour: time.Second} {
		b.Next()
		b.Next()
		if d := b.AfterProgress(took); d != want {
			t.Errorf("after %v: %v, want %v", took, d, want)
		}
		if d := b.Next(); d > time.Second {
			t.Errorf("the backoff was not reset: %v", d)
		}
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if !Sleep(ctx, 2*time.Second) || time.Since(start) != 2*time.Second {
			t.Errorf("slept %v", time.Since(start))
		}
		if Sleep(ctx, 2*time.Second) || time.Since(start) != 3*time.Second {
			t.Errorf("was not interrupted: %v", time.Since(start))
		}
	})
}

func ExampleBackoff() {
	attempts := 0
	connect := func() error {
		if attempts++; attempts < 3 {
			return errors.New("connection refused")
		}
		return nil
	}
	ctx := context.Background()
	b := Backoff{First: time.Millisecond}
	for connect() != nil && Sleep(ctx, b.Next()) {
	}
	fmt.Println(attempts, "attempts")
	// Output: 3 attempts
}
