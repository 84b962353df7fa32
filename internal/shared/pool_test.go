package shared

import (
	"errors"
	"sync"
	"testing"
)

type key struct{ name string }

// thing counts how often it was closed.
type thing struct{ closed int }

func (t *thing) Close() error { t.closed++; return nil }

func TestThingIsSharedUntilTheLastUserLeaves(t *testing.T) {
	var p Pool
	opened := 0
	open := func() (*thing, error) { opened++; return &thing{}, nil }
	a, releaseA, errA := Get(&p, key{"x"}, open)
	b, releaseB, errB := Get(&p, key{"x"}, open)
	other, releaseOther, errOther := Get(&p, key{"y"}, open)
	if err := errors.Join(errA, errB, errOther); err != nil || a != b || a == other || opened != 2 {
		t.Fatalf("%v, %d opened", err, opened)
	}
	for range 2 { // a second release by the same user changes nothing
		if err := releaseA(); err != nil || a.closed != 0 {
			t.Fatalf("%v, closed %d times while in use", err, a.closed)
		}
	}
	if err := errors.Join(releaseB(), releaseOther()); err != nil || a.closed != 1 || other.closed != 1 {
		t.Errorf("%v, %d, %d", err, a.closed, other.closed)
	}
	if again, _, err := Get(&p, key{"x"}, open); err != nil || again == a {
		t.Errorf("a closed thing was given out, %v", err)
	}
}

func TestErrorIsNotKept(t *testing.T) {
	var p Pool
	failure := errors.New("no rights")
	if _, _, err := Get(&p, key{"x"}, func() (*thing, error) { return nil, failure }); !errors.Is(err, failure) {
		t.Error(err)
	}
	if _, release, err := Get(&p, key{"x"}, func() (*thing, error) { return &thing{}, nil }); err != nil || release() != nil {
		t.Error(err)
	}
}

func TestNoPool(t *testing.T) {
	a, release, err := Get(nil, key{"x"}, func() (*thing, error) { return &thing{}, nil })
	if err != nil || release() != nil || a.closed != 1 {
		t.Errorf("%v, %+v", err, a)
	}
}

func TestManyUsersAtOnce(t *testing.T) {
	var p Pool
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			a, release, err := Get(&p, key{"x"}, func() (*thing, error) { return &thing{}, nil })
			if err != nil || a.closed != 0 {
				t.Errorf("%v, %+v", err, a)
				return
			}
			_ = release()
		})
	}
	wg.Wait()
	if len(p.entries) != 0 {
		t.Errorf("%d things are left", len(p.entries))
	}
}
