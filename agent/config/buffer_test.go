package config

import (
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuffer(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a path on Windows has a drive")
	}
	for text, want := range map[string]struct {
		memory int
		disk   *Disk
	}{
		"":                           {memory: 1_000_000},
		"buffer: {memory: 5}":        {memory: 5},
		"max_buffer_size: 7":         {memory: 7},
		"buffer:":                    {memory: 1_000_000},
		"buffer: {disk: {path: /b}}": {1_000_000, &Disk{"/b", 1_000_000_000}},
		"max_buffer_size: 7\nbuffer: {memory: 7, disk: {path: /b, max_size: 2GB}}": {7, &Disk{"/b", 2_000_000_000}},
	} {
		c, err := Parse(t.Context(), "config.yaml", []byte(text+"\ninputs: [mem]\noutputs: [redis]\n"), testEnv())
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if c.MaxBufferSize != want.memory || !cmp.Equal(c.Disk, want.disk) {
			t.Errorf("%q: %d samples, disk %+v", text, c.MaxBufferSize, c.Disk)
		}
	}
}
