//go:build linux && (386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64)

package bpf

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// processTime returns the CPU time of this process.
func processTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// connectOnce makes a connection over loopback, sends a byte each way and closes it.
func connectOnce(b *testing.B) func() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		buf := make([]byte, 1)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(buf)
			_, _ = c.Write(buf)
			c.Close()
		}
	}()
	buf := make([]byte, 1)
	return func() {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		_ = c.(*net.TCPConn).SetLinger(0)
		_, _ = c.Write(buf)
		_, _ = c.Read(buf)
		c.Close()
	}
}

// writeOnce writes 4 KiB past the kernel's cache to a disk in a file.
func writeOnce(b *testing.B) func() {
	path, _ := loopDevice(b, 16<<20)
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { unix.Close(fd) })
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE) // aligned
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = unix.Munmap(page) })
	at := int64(0)
	return func() {
		if _, err := unix.Pwrite(fd, page, at); err != nil {
			b.Fatal(err)
		}
		at = (at + 4096) % (16 << 20)
	}
}

// runOnce runs a program.
func runOnce(b *testing.B) func() {
	return func() {
		if err := exec.Command("/bin/true").Run(); err != nil {
			b.Skip(err)
		}
	}
}

// switchOnce lets two threads take turns.
func switchOnce(b *testing.B) func() {
	var there, back [2]int
	if unix.Pipe2(there[:], unix.O_CLOEXEC) != nil || unix.Pipe2(back[:], unix.O_CLOEXEC) != nil {
		b.Fatal("no pipe")
	}
	go func() {
		runtime.LockOSThread()
		buf := make([]byte, 1)
		for {
			if n, err := unix.Read(there[0], buf); n != 1 || err != nil {
				unix.Close(back[1])
				return
			}
			_, _ = unix.Write(back[1], buf)
		}
	}()
	b.Cleanup(func() { unix.Close(there[1]) })
	buf := make([]byte, 1)
	return func() {
		_, _ = unix.Write(there[1], buf)
		_, _ = unix.Read(back[0], buf)
	}
}

// BenchmarkMeter measures loads with and without the programs, and how long each program runs. Compare the times of an operation and
// cpu-ns/op, which leaves out threads of the kernel. The program's own measurement costs time, too, so "with" is without it.
func BenchmarkMeter(b *testing.B) {
	usual := MeterConfig{Network: true, Block: true, Processes: true, Latency: true, Retransmits: true}
	all := usual
	all.RunQueue = true
	for _, load := range []struct {
		name string
		make func(*testing.B) func()
	}{
		{"connection", connectOnce}, {"write", writeOnce}, {"process", runOnce}, {"switch", switchOnce},
	} {
		for _, with := range []struct {
			name    string
			config  MeterConfig
			measure bool
		}{
			{"without", MeterConfig{}, false}, {"with", usual, false}, {"run_queue", all, false}, {"measured", all, true},
		} {
			b.Run(load.name+"/"+with.name, func(b *testing.B) {
				once := load.make(b)
				config := with.config
				config.MeasureTime = with.measure
				m := openMeter(b, config)
				if config.Processes {
					go drain(m)
				}
				before := processTime()
				for b.Loop() {
					once()
				}
				b.ReportMetric(float64(processTime()-before)/float64(b.N), "cpu-ns/op")
				if with.measure {
					reportPrograms(b, m)
				}
			})
		}
	}
}

// drain reads events until the meter is closed.
func drain(m *Meter) {
	for m.Read(100*time.Millisecond, func(*ProcessEvent) {}) == nil {
	}
}

// reportPrograms reports how long a run of each program takes.
func reportPrograms(b *testing.B, m *Meter) {
	usage, err := m.Usage()
	if err != nil {
		b.Fatal(err)
	}
	var line strings.Builder
	for _, u := range usage {
		if u.Runs > 0 {
			fmt.Fprintf(&line, " %s %d runs %d ns;", u.Program, u.Runs, u.Time.Nanoseconds()/int64(u.Runs))
		}
	}
	fmt.Fprintln(os.Stderr, line.String())
}
