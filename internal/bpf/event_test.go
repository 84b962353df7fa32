package bpf

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// The objects in the repository are made from the sources beside them.
func TestObjectsAreNotStale(t *testing.T) {
	paths, err := filepath.Glob("c/*.[ch]")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	want := ""
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want += fmt.Sprintf("%x  %s\n", sha256.Sum256(data), filepath.ToSlash(path))
	}
	made, err := os.ReadFile("c/sources.sha256")
	if err != nil || string(made) != want {
		t.Errorf("observer_bpfel.o was made from other sources (%v): run go generate ./internal/bpf", err)
	}
}

// Whatever the ring buffer holds, decoding neither fails badly nor reads beyond it.
func FuzzDecode(f *testing.F) {
	f.Add(make([]byte, eventSize))
	f.Add(append([]byte{8: byte(StateChange)}, make([]byte, socketEventSize)...))
	f.Add(append([]byte{8: byte(Exec), eventSize: 3}, make([]byte, 64)...))
	f.Add([]byte{8: byte(Exec), eventSize: 255, 63: 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var e Event
		if e.decode(data) != nil {
			return
		}
		if len(e.Args) > len(data) || len(e.Process.Comm()) > 16 {
			t.Errorf("%+v", e)
		}
	})
}
