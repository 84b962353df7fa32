package cli

import (
	"os"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/hostfs"
)

// dropProgramPages gives up the pages of the program's own file: madvise(2), MADV_DONTNEED. They are unchanged copies of
// the page cache, which the kernel maps again, 64 KiB at a time, where they are used. What fails only costs memory.
func dropProgramPages() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := hostfs.SelfFile("maps").Read()
	if err != nil {
		return
	}
	for _, s := range programSpans(maps, exe) {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(s.from), uintptr(s.to-s.from), syscall.MADV_DONTNEED)
	}
}
