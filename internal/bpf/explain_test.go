package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Whoever cannot load the programs learns what is missing and what to do.
func TestExplain(t *testing.T) {
	verifier := errors.New("program tcp_state: load program: invalid argument:\n\t0: R1=ctx()\n\t1: exit")
	for want, err := range map[string]error{
		"cap_bpf":                  fmt.Errorf("create map: %w", syscall.EPERM),
		"--cap-add BPF":            &fs.PathError{Op: "open", Path: "/sys/kernel/btf/vmlinux", Err: syscall.EACCES},
		"/sys/kernel/btf/vmlinux)": fmt.Errorf("find BTF: %w", fs.ErrNotExist),
		"Linux 5.11 or later":      fmt.Errorf("map create: %w", errors.ErrUnsupported),
		"load program: invalid":    verifier,
	} {
		got := explain(err)
		if !strings.HasPrefix(got.Error(), "load eBPF programs: ") || !strings.Contains(got.Error(), want) || strings.Contains(got.Error(), "\n") || !errors.Is(got, err) {
			t.Errorf("%v: %v, which lacks %q", err, got, want)
		}
	}
}

// The documentation has a line for each program, with what it needs.
func TestProgramsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/observer.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range Programs() {
		kernel := p.Kernel
		if p.Optional {
			kernel += ", optional"
		}
		if row := fmt.Sprintf("| `%s` | %s | %s |", p.Tracepoint, kernel, p.For); !strings.Contains(string(doc), row) {
			t.Errorf("docs/observer.md has no row %s", row)
		}
	}
}
