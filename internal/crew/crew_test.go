package crew

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

func TestCrew(t *testing.T) {
	var c Crew
	var n atomic.Int64
	for i := range 10 {
		c.Go(func() { n.Add(int64(i)) })
	}
	if c.Wait(); n.Load() != 45 {
		t.Errorf("%d", n.Load())
	}
}

// TestPanic: the others finish, and whoever waits hears of it, with the place where it was.
func TestPanic(t *testing.T) {
	var c Crew
	var n atomic.Int64
	for i := range 10 {
		c.Go(func() {
			if i%4 == 0 {
				crash(i)
			}
			n.Add(1)
		})
	}
	defer func() {
		if v := fmt.Sprint(recover()); !strings.HasPrefix(v, "number ") || !strings.Contains(v, "crew.crash(") || n.Load() != 7 {
			t.Errorf("%d, %s", n.Load(), v)
		}
	}()
	c.Wait()
	t.Error("no panic")
}

func crash(i int) { panic(fmt.Sprint("number ", i)) }
