// What the programs of usage.bpf.c count and send. internal/bpf/meter_event.go decodes the events, and bpf2go makes Go types of
// the rest.
#pragma once

#include "events.h"

enum usage_event_kind {
	USAGE_FORK = 1,
	USAGE_EXEC,
	USAGE_EXIT,
	USAGE_OOM,
};

// What a process with all its threads had used when it ended.
struct exit_event {
	struct event event;
	__u64 utime; // ns, as ticks of the clock saw it on most kernels
	__u64 stime;
	__u64 runtime; // ns on CPUs, exact
	__u64 min_flt;
	__u64 maj_flt;
	__u64 nvcsw;
	__u64 nivcsw;
	__u64 read_bytes;
	__u64 write_bytes;
	__u64 cancelled_write_bytes;
	__u64 syscr;
	__u64 syscw;
	__u64 maxrss; // pages
	__u32 exit_code; // as wait returns it
	__u32 oom_victim;
};

struct process_key {
	__u64 start; // ns since boot
	__u32 pid;
	__u32 pad;
};

// Payload that one process sent and received.
struct traffic {
	__u64 tcp_tx;
	__u64 tcp_rx;
	__u64 udp_tx;
	__u64 udp_rx;
	__u8 comm[16];
};

struct block_key {
	__u64 start;
	__u32 pid;
	__u32 major;
	__u32 minor;
	__u32 pad;
};

// What one process had one disk do.
struct block_use {
	__u64 read_bytes;
	__u64 write_bytes;
	__u64 reads;
	__u64 writes;
	__u8 comm[16];
};

// A request to a disk that is not complete.
struct request_state {
	struct block_key key;
	__u64 issued; // ns; 0: the driver does not have it yet
	__u8 comm[16];
};

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,
	BLOCK_DISCARD,
};

struct latency_key {
	__u32 major;
	__u32 minor;
	__u32 op;
	__u32 pad;
};

#define HISTOGRAM_SLOTS 23

// Slot i counts durations up to the bound i (see slot_of) and above the bound before.
struct histogram {
	__u64 sum; // ns
	__u64 slots[HISTOGRAM_SLOTS];
};
