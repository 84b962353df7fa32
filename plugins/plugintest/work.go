//go:build linux

package plugintest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Work lets this process listen, send, receive, read and write until the test ends, for inputs that report what processes do.
func Work(tb testing.TB) {
	tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var busy sync.WaitGroup
	tb.Cleanup(func() { stop(); busy.Wait() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = listener.Close() })
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(tb.TempDir(), "data"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	busy.Go(func() {
		defer func() { _ = socket.Close() }()
		for buf := make([]byte, 1000); ctx.Err() == nil; {
			if _, err := socket.WriteTo(buf, socket.LocalAddr()); err == nil {
				_, _, _ = socket.ReadFrom(buf)
			}
		}
	})
	busy.Go(func() {
		defer func() { _ = file.Close() }()
		for buf := make([]byte, 64<<10); ctx.Err() == nil; {
			_, _ = file.WriteAt(buf, 0)
			_ = file.Sync()
			_ = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED) // so that it is read from the disk
			_, _ = file.ReadAt(buf, 0)
		}
	})
}
