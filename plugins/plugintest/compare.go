package plugintest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// patience is how long an input and another account of the machine may take to agree once.
const patience = 30 * time.Second

// Differences are what one comparison of an input with another account of this machine found.
type Differences struct{ found []string }

// Errorf adds a difference.
func (d *Differences) Errorf(format string, args ...any) {
	d.found = append(d.found, fmt.Sprintf(format, args...))
}

// Compare holds an input against another account of this machine, which does not stand still: processes, interfaces and
// sockets come and go between two readings. It looks until nothing differs, and fails with what differed last.
func Compare(tb testing.TB, look func(d *Differences)) {
	tb.Helper()
	var d Differences
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		d.found = nil
		look(&d)
		if len(d.found) == 0 {
			return
		}
	}
	tb.Errorf("the two never agreed within %v; last:\n%s", patience, strings.Join(d.found, "\n"))
}
