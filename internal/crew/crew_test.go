package crew

import (
	"errors"
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

// The functions that do not panic finish, and the error has the stack of the function that did.
func TestPanic(t *testing.T) {
	var n atomic.Int64
	err := Catch(func() error {
		var c Crew
		for i := range 10 {
			c.Go(func() {
				if i%4 == 0 {
					crash(i)
				}
				n.Add(1)
			})
		}
		c.Wait()
		return nil
	})
	var e *PanicError
	if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), "panic: number ") || !strings.Contains(string(e.Stack), "crew.crash(") || n.Load() != 7 {
		t.Errorf("%d, %v", n.Load(), err)
	}
}

func crash(i int) { panic(fmt.Sprint("number ", i)) }

func TestCatch(t *testing.T) {
	failed := errors.New("failed")
	if err := Catch(func() error { return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	if err := Catch(func() error { return nil }); err != nil {
		t.Error(err)
	}
}

func ExampleCatch() {
	err := Catch(func() error {
		var numbers []int
		_ = numbers[3]
		return nil
	})
	fmt.Println(err)
	// Output: panic: runtime error: index out of range [3] with length 0
}

func ExampleCrew() {
	var c Crew
	lengths := make([]int, 2)
	for i, word := range []string{"one", "three"} {
		c.Go(func() { lengths[i] = len(word) })
	}
	c.Wait()
	fmt.Println(lengths)
	// Output: [3 5]
}
