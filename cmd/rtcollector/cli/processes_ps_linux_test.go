package cli_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// countPS returns how many processes ps prints.
func countPS(t *testing.T, args ...string) int {
	t.Helper()
	out, err := exec.Command("ps", args...).Output()
	if err != nil && len(out) > 0 {
		t.Fatal(err)
	}
	return strings.Count(string(out), "\n")
}

// TestProcessesAgainstPS: the table of "processes test" has the numbers of processes that ps prints before and after.
func TestProcessesAgainstPS(t *testing.T) {
	servicetest.RequireCommands(t, "procps", "ps")
	noConfig(t)
	name := fmt.Sprintf("rtccount%d", os.Getpid())
	s := servicetest.StartShell(t, name, `for n in 1 2 3 4 5 6; do (echo ready; read end <&3) & done; read end`)
	s.Lines(6)
	classes := filepath.Join(t.TempDir(), "classes.yaml")
	if err := os.WriteFile(classes, []byte("classes: [{group: own, subgroup: counted, comm: ["+name+"]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	servicetest.Until(t, "the numbers of processes agree", func(context.Context) error {
		count := func() map[string]int {
			return map[string]int{
				"all":         countPS(t, "--no-headers", "-e") - 1, // without ps itself
				"own counted": countPS(t, "--no-headers", "-C", name), "system kernel": countPS(t, "--no-headers", "-p", "2", "--ppid", "2"),
			}
		}
		before := count()
		ours := countsOf(succeed(t, "processes", "test", "--classes", classes))
		after := count()
		for row := range before {
			if n := ours[row]; n < min(before[row], after[row]) || n > max(before[row], after[row]) {
				return fmt.Errorf("%d processes in the row %q, ps has %d and %d", n, row, before[row], after[row])
			}
		}
		if ours["own counted"] != 7 {
			return fmt.Errorf("%d processes of the test, want 7", ours["own counted"])
		}
		return nil
	})
}

// countsOf returns the column PROCESSES of the first table by group and subgroup, and of all.
func countsOf(table string) map[string]int {
	counts := map[string]int{}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		n := 0
		switch {
		case len(fields) == 0:
			return counts
		case fields[0] == "all":
			_, _ = fmt.Sscan(fields[1], &n)
			counts["all"] = n
		case len(fields) > 2:
			_, _ = fmt.Sscan(fields[2], &n)
			counts[fields[0]+" "+fields[1]] = n
		}
	}
	return counts
}
