// What all programs use: the ring buffer, counters of losses, and who is running.
#pragma once

#include "events.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

char program_license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20); // bytes; the agent may choose another size
} events SEC(".maps");

// Counters of all programs, by their number.
enum counter {
	LOST_EVENTS, // the ring buffer was full
	LOST_CONVERSATIONS, // a map was full: that of conversations, and so on
	LOST_TRAFFIC,
	LOST_BLOCK,
	LOST_REQUESTS,
	LOST_LATENCIES,
	LOST_WAITS,
	RETRANSMITS_IPV4, // segments
	RETRANSMITS_IPV6,
	RESETS_SENT_IPV4,
	RESETS_SENT_IPV6,
	RESETS_RECEIVED_IPV4,
	RESETS_RECEIVED_IPV6,
	COUNTERS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, COUNTERS);
} counters SEC(".maps");

static __always_inline void add(__u32 counter, __u64 by)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &counter);
	if (n)
		__sync_fetch_and_add(n, by); // an interrupt may count on the same CPU
}

static __always_inline void count(__u32 counter)
{
	add(counter, 1);
}

// wakeup returns the flag for a new event. The agent looks every 100 ms anyway; it is woken earlier only when a quarter of
// the buffer is used, because waking it for each event costs more than the event.
static __always_inline __u64 wakeup(void)
{
	__u64 used = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	__u64 size = bpf_ringbuf_query(&events, BPF_RB_RING_SIZE);
	return used >= size / 4 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

// reserve returns room for an event, or NULL, which is counted.
#define reserve(type) ({ \
	type *_e = bpf_ringbuf_reserve(&events, sizeof(type), 0); \
	if (!_e) \
		count(LOST_EVENTS); \
	_e; \
})

static __always_inline void describe_as(struct process *p, struct task_struct *task, struct task_struct *leader)
{
	p->pid = BPF_CORE_READ(task, tgid);
	p->start = BPF_CORE_READ(leader, start_boottime);
	p->parent = BPF_CORE_READ(leader, real_parent, tgid);
	p->uid = BPF_CORE_READ(task, cred, uid.val);
	bpf_probe_read_kernel(p->comm, sizeof(p->comm), &leader->comm);
	__builtin_memset(p->pad, 0, sizeof(p->pad));
}

static __always_inline void describe(struct process *p, struct task_struct *task)
{
	describe_as(p, task, BPF_CORE_READ(task, group_leader));
}

// in_interrupt reports whether the current process was interrupted, so that what happens is not its doing. Some systems,
// x86 among them, do not show this to programs; it is false there.
static __always_inline bool in_interrupt(struct task_struct *task)
{
	if (!bpf_core_field_exists(task->thread_info.preempt_count))
		return false;
	return BPF_CORE_READ(task, thread_info.preempt_count) & INTERRUPT_MASK;
}

static __always_inline bool is_owner(struct task_struct *task)
{
	return !(BPF_CORE_READ(task, flags) & PF_KTHREAD) && !in_interrupt(task);
}

static __always_inline void begin_as(struct event *e, __u8 kind, struct task_struct *task, struct task_struct *leader)
{
	e->time = bpf_ktime_get_boot_ns();
	e->kind = kind;
	e->flags = 0;
	e->family = e->old_state = e->new_state = 0;
	__builtin_memset(e->pad, 0, sizeof(e->pad));
	describe_as(&e->process, task, leader);
}

static __always_inline void begin(struct event *e, __u8 kind, struct task_struct *task)
{
	begin_as(e, kind, task, BPF_CORE_READ(task, group_leader));
}
