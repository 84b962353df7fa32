package plugintest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// recordingTB is a testing.TB that records its failures.
type recordingTB struct {
	testing.TB
	recorder
}

func (*recordingTB) Helper()                             {}
func (w *recordingTB) Errorf(format string, args ...any) { w.recorder.Errorf(format, args...) }

func TestCompareLooksUntilNothingDiffers(t *testing.T) {
	looks, w := 0, &recordingTB{}
	Compare(w, func(d *Differences) {
		if looks++; looks < 3 {
			d.Errorf("once")
		}
	})
	if w.expect(t, ""); looks != 3 {
		t.Errorf("looked %d times", looks)
	}
}

func TestCompareFailsWithTheLastDifferences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks, w := 0, &recordingTB{}
		Compare(w, func(d *Differences) {
			time.Sleep(time.Second)
			looks++
			d.Errorf("difference %d", looks)
			d.Errorf("another")
		})
		w.expect(t, "difference 30\nanother")
		if strings.Contains(w.messages[0], "difference 29") {
			t.Error(w.messages)
		}
	})
}
