package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// explain turns the error of loading the programs into one that says what the system lacks.
func explain(err error) error {
	const load = "load eBPF programs"
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return fmt.Errorf(load+": not permitted; run as root, or give the program the rights with "+
			"\"setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep\", or the container with --cap-add BPF --cap-add PERFMON: %w", firstLine(err))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOSYS):
		return fmt.Errorf(load+": this kernel lacks what they need: Linux 5.11 or later (5.8 for connections) with BTF (/sys/kernel/btf/vmlinux): %w", firstLine(err))
	}
	return fmt.Errorf(load+": %w", firstLine(err))
}

// firstLine shortens the text of an error: the verifier's is hundreds of lines.
func firstLine(err error) error {
	line, _, more := strings.Cut(err.Error(), "\n")
	if !more {
		return err
	}
	return shortError{line, err}
}

type shortError struct {
	text string
	error
}

func (e shortError) Error() string { return e.text }
func (e shortError) Unwrap() error { return e.error }
