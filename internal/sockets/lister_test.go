package sockets

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// newFallback returns a lister with a fake kernel and with recorded files.
func newFallback(t *testing.T, d *diagClient) (l *Lister, log *bytes.Buffer) {
	log = &bytes.Buffer{}
	l = NewHost(hostfs.At("testdata/vm-6.18"), slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if l.UsesDiag() {
		t.Fatal("sock_diag for recorded files")
	}
	l.diag = d
	return l, log
}

func TestFallbackToFiles(t *testing.T) {
	fromFiles, fromDiag := stateCounts{Listen: 2, Established: 2, TimeWait: 1}, stateCounts{Established: 1, SynRecv: 1, Listen: 1}
	for name, tt := range map[string]struct {
		answers  []func([]byte) [][]byte
		want     []stateCounts // one per list
		opened   int
		logLines int
	}{
		"no inet_diag": {[]func([]byte) [][]byte{answerUnsupported, answerSockets}, []stateCounts{fromFiles, fromFiles}, 1, 1},
		"one failure":  {[]func([]byte) [][]byte{answerFullBuffer, answerSockets}, []stateCounts{fromFiles, fromDiag, fromDiag}, 2, 0},
		"alternating": {
			[]func([]byte) [][]byte{answerEverySecond()},
			[]stateCounts{fromDiag, fromFiles, fromDiag, fromFiles, fromDiag, fromFiles, fromDiag, fromFiles, fromDiag}, 5, 0,
		},
		"always fails": {[]func([]byte) [][]byte{answerFullBuffer}, []stateCounts{fromFiles, fromFiles, fromFiles, fromFiles, fromFiles}, maxFailures, 1},
	} {
		d, opened, closed := newFakeDiag(nil, tt.answers...)
		l, log := newFallback(t, d)
		for i, want := range tt.want {
			counts, err := countSockets(t, l.List)
			if diff := cmp.Diff(want, counts); diff != "" || err != nil {
				t.Errorf("%s, list %d: %v %s", name, i, err, diff)
			}
		}
		if lines := strings.Count(log.String(), "\n"); lines != tt.logLines || *opened != tt.opened {
			t.Errorf("%s: %d connections, %d lines: %s", name, *opened, lines, log)
		}
		if err := l.Close(); err != nil || *closed != *opened {
			t.Errorf("%s: %v, %d of %d closed", name, err, *closed, *opened)
		}
	}
}

func TestCancelledListKeepsDiag(t *testing.T) {
	d, _, _ := newFakeDiag(nil, answerSockets)
	l, log := newFallback(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range maxFailures + 1 {
		if err := l.List(ctx, Want{TCP: true}, func(*Socket) { t.Error("a socket") }); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if !l.UsesDiag() || log.Len() > 0 {
		t.Errorf("gave up sock_diag: %s", log)
	}
}

func TestIsOwnNetwork(t *testing.T) {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Skip(err)
	}
	for target, want := range map[string]bool{own: true, "net:[1]": false, "": false} {
		dir := plugintest.Files(t, "", map[string]string{"proc/1/ns/x": ""})
		if target != "" {
			if err := os.Symlink(target, filepath.Join(dir, "proc/1/ns/net")); err != nil {
				t.Fatal(err)
			}
		}
		if got := isOwnNetwork(hostfs.At(dir)); got != want {
			t.Errorf("%q is our network: %v", target, got)
		}
		if l := NewHost(hostfs.At(dir), slog.New(slog.DiscardHandler)); l.UsesDiag() != want {
			t.Errorf("%q uses sock_diag: %v", target, l.UsesDiag())
		}
	}
	if !isOwnNetwork(hostfs.FromEnv(func(string) string { return "" })) {
		t.Error("the standard /proc is not our network")
	}
}
