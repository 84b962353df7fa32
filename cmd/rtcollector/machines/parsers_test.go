package machines

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// parsers returns the folders of the packages that read bytes of the kernel, of peers and of files, and compute with what is in them: those
// with fuzz tests, and some that are tested with recorded files only.
func parsers(t *testing.T) []string {
	folders := []string{"internal/hostfs", "internal/tskey", "internal/units", "plugins/netstat"}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if bytes.Contains(text, []byte("\nfunc Fuzz")) && !slices.Contains(folders, folder) && !slices.Contains(leftOut(), folder) {
			folders = append(folders, folder)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

// root is the folder of the module.
const root = "../../.."

// leftOut are packages with fuzz tests that take long for another machine, and only read text or JSON, with packages that are tested.
func leftOut() []string {
	return strings.Fields("cmd/rtcollector/cli cmd/rtcollector/web outputs/redissearch internal/tsread plugins/postgres")
}

// TestParsers runs the parsers' tests and what fuzzing has found before, with words of 32 bits and, of all machines, with bytes in the other
// order.
func TestParsers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the emulators run on Linux")
	}
	for _, m := range []machine{arm, s390x} {
		t.Run(m.goarch, func(t *testing.T) {
			if m.goarch == s390x.goarch && !testsAll() {
				t.Skip("RTC_TEST_MACHINES=all runs it")
			}
			servicetest.RequireCommands(t, "qemu-user-static, which .ci/machines unpacks", m.emulator)
			args := []string{"test", "-trimpath", "-vet=off", "-short", "-exec", m.emulator, "-run", "^Fuzz|Parse|Decode|Layout|Conformance"}
			for _, folder := range parsers(t) {
				args = append(args, "github.com/rtcollector/rtcollector/"+folder)
			}
			cmd := exec.Command("go", args...)
			cmd.Env = m.environment()
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
