package outputs_test

import (
	"errors"
	"testing"

	"github.com/rtcollector/rtcollector/outputs"
)

func TestOutcome(t *testing.T) {
	why, failed := errors.New("bad"), errors.New("broken")
	reasons := map[string]int{"a": 2, "b": 1}
	if err := outputs.Outcome(5, nil, nil, nil); err != nil {
		t.Error(err)
	}
	var reject *outputs.RejectError
	if err := outputs.Outcome(5, reasons, why, nil); !errors.As(err, &reject) || reject.N != 3 || !errors.Is(err, why) {
		t.Error(err)
	}
	var partial *outputs.PartialError
	if err := outputs.Outcome(5, reasons, why, failed); !errors.As(err, &partial) || partial.Settled != 5 || partial.Rejected.N != 3 || !errors.Is(err, failed) {
		t.Error(err)
	}
	if err := outputs.Outcome(5, nil, nil, failed); !errors.As(err, &partial) || partial.Rejected != nil {
		t.Error(err)
	}
	if err := outputs.Outcome(0, nil, nil, failed); errors.As(err, &partial) || !errors.Is(err, failed) {
		t.Error(err)
	}
}
