package selfstat

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCondition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Condition
		c.Reset()
		start := time.Now()
		expect := func(step, state, lastError string, since time.Duration) {
			t.Helper()
			r := c.Report()
			if r.State != state || r.LastError != lastError || r.Since.Sub(start) != since || c.IsFailing() != (state == Failing) {
				t.Errorf("%s: %+v since %v", step, r, r.Since.Sub(start))
			}
			time.Sleep(time.Second)
		}
		expect("new", Starting, "", 0)
		c.Fail("open", "no such file")
		expect("not opened", Failing, "no such file", time.Second)
		c.Succeed("open")
		expect("opened", Works, "no such file", 2*time.Second)
		c.Succeed("gather")
		expect("gathered", Works, "no such file", 2*time.Second)
		c.Fail("gather", "refused")
		c.Fail("timeout", "too slow")
		expect("two parts fail", Failing, "too slow", 4*time.Second)
		c.Succeed("timeout")
		expect("one part fails still", Failing, "refused", 4*time.Second)
		c.Succeed("gather")
		expect("both work", Works, "too slow", 6*time.Second)
		c.Fail("gather", strings.Repeat("é", maxErrorText))
		if got := c.Report().LastError; len(got) > maxErrorText+3 || !strings.HasSuffix(got, "é…") {
			t.Errorf("%d bytes are kept", len(got))
		}
		c.Reset()
		if r := c.Report(); r.State != Starting {
			t.Errorf("after a replacement: %+v", r)
		}
	})
}
