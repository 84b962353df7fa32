package procusage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/hostfs"
)

// A number of threads that no process can have, after one with several threads, is no reason to panic.
func TestImpossibleNumberOfThreads(t *testing.T) {
	tree := newTree(t)
	w := newWatcher(t, hostfs.At(tree.dir))
	groups := w.Group(allNeeds, byClass)
	tree.process(testProcess{PID: 10, Start: 1, Threads: 2})
	for _, tid := range []int{10, 11} {
		tree.write(fmt.Sprintf("10/task/%d/status", tid), "voluntary_ctxt_switches:\t1\nnonvoluntary_ctxt_switches:\t1\n")
	}
	tree.look(w, 10)
	file := filepath.Join(tree.dir, "proc/10/stat")
	stat, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wrong := strings.Replace(string(stat), " 20 0 2 0 ", " 20 0 18446744073709551615 0 ", 1)
	if wrong == string(stat) {
		t.Fatal("the number of threads is elsewhere")
	}
	tree.write("10/stat", wrong)
	tree.look(w, 20)
	if got := groups.totals[postgres].Now.Threads; got < 0 {
		t.Errorf("%d threads", got)
	}
}
