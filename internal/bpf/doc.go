// Package bpf loads the agent's eBPF programs and reads what they report. No other package does.
//
//   - c/: the sources. generate.go: how they become observer_bpfel.o and usage_bpfel.o, which are part of the program.
//   - programs.go: what each program needs of the kernel.
//   - observer.go: [Observe] loads and attaches the programs of the connection observer; [Observer] reads their events, conversations
//     and counters. event.go: decodes an event. observer_linux.go does so.
//   - meter.go: [OpenMeter] loads those that measure processes and devices; [Meter] reads what they counted. meter_event.go: decodes an
//     event of a process. meter_linux.go does so.
//   - loaded_linux.go: what both have in common. sys_other.go: the same for systems without eBPF.
//   - explain.go: why the programs cannot be loaded, for people.
//
// The programs attach to BTF-enabled raw tracepoints ("tp_btf"), because these exist on every kernel with BTF, need neither
// kprobes nor a mounted tracefs, and pass the kernel's structures, whose fields the loader finds by name (CO-RE). Each object
// serves all kernels and all little-endian machines.
package bpf
