package cli_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// diskYAML is yamlFor with a buffer on disk in folder.
func diskYAML(addr, folder string) string {
	return yamlFor(addr, "h", "interval: 100ms", "buffer: {memory: 5000, disk: {path: "+folder+"}}")
}

func (p *process) countLines(text string) int {
	log, _ := p.log.read()
	return strings.Count(log, text)
}

// waitForEmptyDisk waits until everything in the buffer on disk is written.
func waitForEmptyDisk(t *testing.T, folder string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		files, err := filepath.Glob(filepath.Join(folder, "*", "*", "*.segment"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still on disk: %v", files)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

const gatheredMem = "gathered input=linux_mem"

// During an outage, kill -9 loses at most one flush interval, and SIGTERM loses nothing.
func TestProcessEndsDuringAnOutage(t *testing.T) {
	for name, c := range map[string]struct {
		signal syscall.Signal
		lost   int // gathers: one flush interval, and the one that was running
	}{"killed": {syscall.SIGKILL, 2}, "stopped": {syscall.SIGTERM, 0}} {
		t.Run(name, func(t *testing.T) {
			addr, folder := freeAddr(t), filepath.Join(t.TempDir(), "buffer")
			p := start(t, diskYAML(addr, folder))
			p.waitFor("output failed", 1)
			p.waitFor(gatheredMem, 20)
			err := p.stop(c.signal)
			if c.signal == syscall.SIGTERM {
				if err != nil {
					t.Errorf("ended with %v", err)
				}
				p.waitFor("kept on disk and will be written at the next start", 1)
			}
			gathers := p.countLines(gatheredMem)

			s := serve(t, addr)
			p = start(t, diskYAML(addr, folder))
			p.waitFor("holds data of an earlier run", 1)
			waitForEmptyDisk(t, folder)
			if err := p.stop(syscall.SIGTERM); err != nil {
				t.Errorf("ended with %v", err)
			}
			gathers += p.countLines(gatheredMem)
			if n := count(t, s.Addr(), "h:mem_total"); n > gathers || n < gathers-c.lost {
				t.Errorf("%d samples of %d gathers", n, gathers)
			}
		})
	}
}
