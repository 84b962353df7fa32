// Command genbpf compiles the eBPF programs of internal/bpf, if their sources have changed since the objects in the repository were
// made. It runs in that folder ("go generate ./internal/bpf") and needs clang, llvm-strip and the headers of libbpf: Debian's packages
// clang, llvm and libbpf-dev. The objects in the repository are from clang 14.0.6 with libbpf 1.1.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	sources = "c/*.[ch]"
	stamp   = "c/sources.sha256"
)

func main() {
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, "genbpf:", err)
		os.Exit(1)
	}
}

func generate() error {
	sum, err := sumSources()
	if err != nil {
		return err
	}
	if made, err := os.ReadFile(stamp); err == nil && string(made) == sum {
		return nil
	}
	if _, err := exec.LookPath("clang"); err != nil {
		return fmt.Errorf("the eBPF programs have changed and must be compiled: install clang, llvm and libbpf-dev (%w)", err)
	}
	for _, name := range []string{"observer", "usage"} {
		if err := compile(name); err != nil {
			return err
		}
	}
	return os.WriteFile(stamp, []byte(sum), 0o644)
}

// compile makes NAME_bpfel.o and NAME_bpfel.go from c/NAME.bpf.c.
func compile(name string) error {
	source := "c/" + name + ".bpf.c"
	run := exec.Command("go", "run", "github.com/cilium/ebpf/cmd/bpf2go", "-go-package", "bpf", "-target", "bpfel", "-tags", "linux",
		"-cflags", "-O2 -g -Wall -Werror -Ic", name, source)
	run.Env = append(os.Environ(), "GOPACKAGE=bpf")
	run.Stdout, run.Stderr = os.Stdout, os.Stderr
	if err := run.Run(); err != nil {
		return fmt.Errorf("compile %s: %w", source, err)
	}
	return nil
}

// sumSources returns the checksums of all sources, a line each, as sha256sum prints them.
func sumSources() (string, error) {
	paths, err := filepath.Glob(sources)
	if err != nil {
		return "", err
	}
	text := ""
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf("%x  %s\n", sha256.Sum256(data), filepath.ToSlash(path))
	}
	return text, nil
}
