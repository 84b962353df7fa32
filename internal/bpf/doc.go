// Package bpf loads the agent's eBPF programs and reads what they report. No other package does.
//
//   - c/: the sources. generate.go: how they become observer_bpfel.o, which is part of the program.
//   - programs.go: what each program needs of the kernel.
//   - observer.go: [Observe] loads and attaches the programs; [Observer] reads their events, conversations and counters.
//     sys_linux.go does so; sys_other.go says that it is not possible.
//   - event.go: decodes an event.
//   - explain.go: why the programs cannot be loaded, for people.
//
// The programs attach to BTF-enabled raw tracepoints ("tp_btf"), because these exist on every kernel with BTF, need neither
// kprobes nor a mounted tracefs, and pass the kernel's structures, whose fields the loader finds by name (CO-RE). One object
// serves all kernels and all little-endian machines.
package bpf
