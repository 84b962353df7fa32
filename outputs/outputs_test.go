package outputs

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRejectionsAddUp(t *testing.T) {
	a := &RejectError{N: 3, Err: errors.New("a"), Reasons: map[string]int{"too_old": 2}}
	b := &RejectError{N: 4, Err: errors.New("b"), Reasons: map[string]int{"too_old": 1, "duplicate": 3}}
	sum := a.With(b)
	if diff := cmp.Diff(map[string]int{"too_old": 3, "duplicate": 3}, sum.Reasons); diff != "" || sum.N != 7 || sum.Error() != "7 rejected: a\nb" {
		t.Errorf("%v %s", sum, diff)
	}
	if a.Reasons["too_old"] != 2 {
		t.Error("the sum changed what it was made of")
	}
	if a.With(nil) != a || (&RejectError{N: 1}).With(b).Reasons["duplicate"] != 3 {
		t.Error("sums with nothing")
	}
}
