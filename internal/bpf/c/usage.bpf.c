// The programs of the meter: what processes send, receive, read and write; how long disks and run queues take; processes that begin
// and end; TCP segments that are sent again.
#include "common.h"
#include "usage.h"

// The agent sets what is asked for; the loader removes the rest.
const volatile bool by_process = true;
const volatile bool with_latency = true;
const volatile bool retransmit_has_error = false; // the tracepoint tells why a segment could not be sent: Linux 6.18

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct process_key);
	__type(value, struct traffic);
	__uint(max_entries, 16384); // the agent may choose another number
} traffic SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct block_key);
	__type(value, struct block_use);
	__uint(max_entries, 16384); // the agent may choose another number
} block SEC(".maps");

// Requests that are not complete, by their address. The kernel uses an address again, so there are no more entries than it has
// requests at a time.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u64);
	__type(value, struct request_state);
	__uint(max_entries, 16384);
} requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct latency_key);
	__type(value, struct histogram);
	__uint(max_entries, 1024);
} latency SEC(".maps");

// When a thread that waits for a CPU began to, by its number.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 16384);
} waiting SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct histogram);
	__uint(max_entries, 1);
} run_queue SEC(".maps");

// slot_of returns the slot of a duration: the number of bounds that it exceeds. The bounds are 1, 2 and 5 of each power of ten from
// 1 µs to 10 s.
static __always_inline __u32 slot_of(__u64 ns)
{
	__u32 slot = 0;
	__u64 bound = 1000;
#pragma unroll
	for (int i = 0; i < HISTOGRAM_SLOTS - 1; i++) {
		if (ns > bound)
			slot++;
		bound = i % 3 == 1 ? bound / 2 * 5 : bound * 2;
	}
	return slot < HISTOGRAM_SLOTS ? slot : HISTOGRAM_SLOTS - 1;
}

// find_traffic returns the counters of the running process, or NULL if there is no room.
static __always_inline struct traffic *find_traffic(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *leader = task->group_leader;
	struct process_key key = {.start = leader->start_boottime, .pid = task->tgid};
	struct traffic *known = bpf_map_lookup_elem(&traffic, &key);
	if (known)
		return known;
	struct traffic fresh = {};
	bpf_probe_read_kernel(fresh.comm, sizeof(fresh.comm), &leader->comm);
	bpf_map_update_elem(&traffic, &key, &fresh, BPF_NOEXIST); // another CPU may be faster
	return bpf_map_lookup_elem(&traffic, &key);
}

static __always_inline int count_traffic(struct sock *sk, int length, bool sent)
{
	if (length <= 0)
		return 0;
	__u16 family = sk->__sk_common.skc_family;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	__u16 protocol = sk->sk_protocol;
	bool tcp = protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
	if (!tcp && protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE)
		return 0;
	struct traffic *t = find_traffic();
	if (!t) {
		count(LOST_TRAFFIC);
		return 0;
	}
	if (tcp)
		__sync_fetch_and_add(sent ? &t->tcp_tx : &t->tcp_rx, length);
	else
		__sync_fetch_and_add(sent ? &t->udp_tx : &t->udp_rx, length);
	return 0;
}

// The kernel calls this in the process that sent, with the number of bytes or an error.
SEC("tp_btf/sock_send_length")
int BPF_PROG(traffic_send, struct sock *sk, int length, int flags)
{
	return count_traffic(sk, length, true);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(traffic_receive, struct sock *sk, int length, int flags)
{
	if (flags & MSG_PEEK)
		return 0; // it will be received again
	return count_traffic(sk, length, false);
}

// find_disk returns the disk of a request. A request that is not for a disk has none.
static __always_inline struct gendisk *find_disk(struct request *rq)
{
	struct request___old *old = (struct request___old *)rq;
	if (bpf_core_field_exists(old->rq_disk))
		return BPF_CORE_READ(old, rq_disk);
	return BPF_CORE_READ(rq, q, disk);
}

static __always_inline __u32 op_of(struct request *rq)
{
	return rq->cmd_flags & REQ_OP_MASK;
}

// class_of maps the kernel's kind of a request to ours, as /proc/diskstats has them.
static __always_inline __u32 class_of(__u32 op)
{
	switch (op) {
	case REQ_OP_FLUSH:
		return BLOCK_FLUSH;
	case REQ_OP_DISCARD:
	case REQ_OP_SECURE_ERASE:
		return BLOCK_DISCARD;
	}
	return op & 1 ? BLOCK_WRITE : BLOCK_READ;
}

// begin_request follows a new request, which the running process has made.
static __always_inline void begin_request(struct request *rq, __u64 issued)
{
	struct gendisk *disk = find_disk(rq);
	if (!disk)
		return;
	struct request_state r = {.issued = issued};
	r.key.major = BPF_CORE_READ(disk, major);
	r.key.minor = BPF_CORE_READ(disk, first_minor);
	if (by_process) {
		struct task_struct *task = bpf_get_current_task_btf();
		struct task_struct *leader = task->group_leader;
		r.key.pid = task->tgid;
		r.key.start = leader->start_boottime;
		bpf_probe_read_kernel(r.comm, sizeof(r.comm), &leader->comm);
	}
	__u64 id = (__u64)rq;
	if (bpf_map_update_elem(&requests, &id, &r, BPF_ANY))
		count(LOST_REQUESTS);
}

// Called in the process that makes a request.
SEC("tp_btf/block_io_start")
int BPF_PROG(request_start, struct request *rq)
{
	if (op_of(rq) < REQ_OP_DRV_IN)
		begin_request(rq, 0);
	return 0;
}

// Before Linux 6.5: called in most cases in the process that makes a request.
SEC("tp_btf/block_rq_insert")
int BPF_PROG(request_insert, struct request *rq)
{
	if (op_of(rq) < REQ_OP_DRV_IN)
		begin_request(rq, 0);
	return 0;
}

// The driver gets a request. It may do so again, if it could not take it the first time.
SEC("tp_btf/block_rq_issue")
int BPF_PROG(request_issue, struct request *rq)
{
	if (op_of(rq) >= REQ_OP_DRV_IN)
		return 0;
	__u64 id = (__u64)rq;
	struct request_state *known = bpf_map_lookup_elem(&requests, &id);
	if (known)
		known->issued = bpf_ktime_get_ns();
	else
		begin_request(rq, bpf_ktime_get_ns());
	return 0;
}

// count_request adds what was completed to the process that made the request. last: nothing remains.
static __always_inline void count_request(struct request_state *r, __u32 class, __u32 bytes, bool last)
{
	if (class != BLOCK_READ && class != BLOCK_WRITE)
		return;
	struct block_key key = r->key;
	struct block_use *use = bpf_map_lookup_elem(&block, &key);
	if (!use) {
		struct block_use fresh = {};
		__builtin_memcpy(fresh.comm, r->comm, sizeof(fresh.comm));
		bpf_map_update_elem(&block, &key, &fresh, BPF_NOEXIST);
		use = bpf_map_lookup_elem(&block, &key);
		if (!use) {
			if (last)
				count(LOST_BLOCK);
			return;
		}
	}
	if (class == BLOCK_WRITE) {
		__sync_fetch_and_add(&use->write_bytes, bytes);
		if (last)
			__sync_fetch_and_add(&use->writes, 1);
		return;
	}
	__sync_fetch_and_add(&use->read_bytes, bytes);
	if (last)
		__sync_fetch_and_add(&use->reads, 1);
}

static __always_inline void count_latency(struct request_state *r, __u32 class)
{
	struct latency_key key = {.major = r->key.major, .minor = r->key.minor, .op = class};
	__u64 ns = bpf_ktime_get_ns() - r->issued;
	struct histogram *h = bpf_map_lookup_elem(&latency, &key);
	if (!h) {
		struct histogram fresh = {};
		bpf_map_update_elem(&latency, &key, &fresh, BPF_NOEXIST);
		h = bpf_map_lookup_elem(&latency, &key);
		if (!h) {
			count(LOST_LATENCIES);
			return;
		}
	}
	__sync_fetch_and_add(&h->sum, ns);
	__sync_fetch_and_add(&h->slots[slot_of(ns)], 1);
}

// A part of a request is complete, or all of it.
SEC("tp_btf/block_rq_complete")
int BPF_PROG(request_complete, struct request *rq, int error, unsigned int bytes)
{
	__u32 op = op_of(rq);
	if (op >= REQ_OP_DRV_IN)
		return 0;
	__u64 id = (__u64)rq;
	struct request_state *r = bpf_map_lookup_elem(&requests, &id);
	if (!r)
		return 0; // made before the programs were loaded
	bool last = bytes >= rq->__data_len;
	__u32 class = class_of(op);
	// A request without data that only empties the cache of the disk never reaches the driver: a flush does that for it.
	if (by_process && r->issued)
		count_request(r, class, bytes, last);
	if (!last)
		return 0;
	if (with_latency && r->issued)
		count_latency(r, class);
	bpf_map_delete_elem(&requests, &id);
	return 0;
}

// is_ipv6 reports which addresses a socket uses; one for IPv6 may have an IPv4 address in its IPv6 form.
static __always_inline bool is_ipv6(const struct sock *sk)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) != AF_INET6)
		return false;
	struct in6_addr remote;
	BPF_CORE_READ_INTO(&remote, sk, __sk_common.skc_v6_daddr);
	__u32 *words = remote.in6_u.u6_addr32;
	return words[0] || words[1] || words[2] != bpf_htonl(0xffff);
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(tcp_retransmit, const struct sock *sk, const struct sk_buff *skb)
{
	if (retransmit_has_error && (int)ctx[2])
		return 0; // it was not sent
	struct tcp_skb_cb *cb = (struct tcp_skb_cb *)&skb->cb;
	__u16 segments = BPF_CORE_READ(cb, tcp_gso_segs);
	add(is_ipv6(sk) ? RETRANSMITS_IPV6 : RETRANSMITS_IPV4, segments ? segments : 1);
	return 0;
}

// An answer to a SYN is sent again. The socket is the one that listens; the connection is not one yet.
SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(tcp_retransmit_synack, const struct sock *sk, const struct request_sock *request)
{
	struct sock *connection = (struct sock *)request; // both begin with the same fields
	add(is_ipv6(connection) ? RETRANSMITS_IPV6 : RETRANSMITS_IPV4, 1);
	return 0;
}

// Either the socket or the packet may be missing.
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcp_reset_sent, const struct sock *sk, const struct sk_buff *skb)
{
	bool ipv6 = skb ? BPF_CORE_READ(skb, protocol) == bpf_htons(ETH_P_IPV6) : sk && is_ipv6(sk);
	count(ipv6 ? RESETS_SENT_IPV6 : RESETS_SENT_IPV4);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(tcp_reset_received, struct sock *sk)
{
	count(is_ipv6(sk) ? RESETS_RECEIVED_IPV6 : RESETS_RECEIVED_IPV4);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	if (child->pid != child->tgid)
		return 0; // a thread
	struct event *e = reserve(struct event);
	if (!e)
		return 0;
	begin(e, USAGE_FORK, child);
	e->process.parent = parent->tgid; // whoever made it, also with CLONE_PARENT
	bpf_ringbuf_submit(e, wakeup());
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task)
{
	struct event *e = reserve(struct event);
	if (!e)
		return 0;
	begin(e, USAGE_EXEC, task);
	bpf_ringbuf_submit(e, wakeup());
	return 0;
}

// A process is gone: it has ended, and its parent has waited for it. By then, the kernel has added what its last thread used to what
// the others did. The tracepoint sched_process_exit comes before the process frees its memory, which can take seconds. A thread that
// became the first one with exec has taken over its number.
SEC("tp_btf/sched_process_free")
int BPF_PROG(process_free, struct task_struct *task)
{
	if (task->pid != task->tgid)
		return 0; // a thread
	struct exit_event *e = reserve(struct exit_event);
	if (!e)
		return 0;
	begin_as(&e->event, USAGE_EXIT, task, task);
	struct signal_struct *all = task->signal;
	e->utime = BPF_CORE_READ(all, utime);
	e->stime = BPF_CORE_READ(all, stime);
	e->runtime = BPF_CORE_READ(all, sum_sched_runtime);
	e->min_flt = BPF_CORE_READ(all, min_flt);
	e->maj_flt = BPF_CORE_READ(all, maj_flt);
	e->nvcsw = BPF_CORE_READ(all, nvcsw);
	e->nivcsw = BPF_CORE_READ(all, nivcsw);
	e->maxrss = BPF_CORE_READ(all, maxrss);
	e->oom_victim = BPF_CORE_READ(all, oom_mm) != NULL;
	e->exit_code = BPF_CORE_READ(all, flags) & SIGNAL_GROUP_EXIT ? BPF_CORE_READ(all, group_exit_code) : task->exit_code;
	e->read_bytes = e->write_bytes = e->cancelled_write_bytes = e->syscr = e->syscw = 0;
	if (bpf_core_field_exists(all->ioac.read_bytes)) {
		e->read_bytes = BPF_CORE_READ(all, ioac.read_bytes);
		e->write_bytes = BPF_CORE_READ(all, ioac.write_bytes);
		e->cancelled_write_bytes = BPF_CORE_READ(all, ioac.cancelled_write_bytes);
	}
	if (bpf_core_field_exists(all->ioac.syscr)) {
		e->syscr = BPF_CORE_READ(all, ioac.syscr);
		e->syscw = BPF_CORE_READ(all, ioac.syscw);
	}
	bpf_ringbuf_submit(e, wakeup());
	return 0;
}

// The OOM killer chose a process. Since Linux 6.9.
SEC("tp_btf/mark_victim")
int BPF_PROG(oom_victim, struct task_struct *task)
{
	struct event *e = reserve(struct event);
	if (!e)
		return 0;
	begin(e, USAGE_OOM, task);
	bpf_ringbuf_submit(e, wakeup());
	return 0;
}

// Before, the tracepoint tells only the number of a thread.
SEC("tp_btf/mark_victim")
int BPF_PROG(oom_victim_id, int thread)
{
	struct event *e = reserve(struct event);
	if (!e)
		return 0;
	__builtin_memset(e, 0, sizeof(*e));
	e->time = bpf_ktime_get_boot_ns();
	e->kind = USAGE_OOM;
	e->process.pid = thread;
	bpf_ringbuf_submit(e, wakeup());
	return 0;
}

static __always_inline int begin_wait(__u32 thread)
{
	if (!thread)
		return 0; // the idle task
	__u64 now = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&waiting, &thread, &now, BPF_ANY))
		count(LOST_WAITS);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(thread_wakeup, struct task_struct *task)
{
	return begin_wait(task->pid);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(thread_wakeup_new, struct task_struct *task)
{
	return begin_wait(task->pid);
}

static __always_inline bool is_runnable(struct task_struct *task)
{
	struct task_struct___old *old = (struct task_struct___old *)task;
	if (bpf_core_field_exists(old->state))
		return BPF_CORE_READ(old, state) == 0;
	return task->__state == 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(thread_switch, bool preempted, struct task_struct *from, struct task_struct *to)
{
	if (preempted || is_runnable(from))
		begin_wait(from->pid);
	__u32 thread = to->pid, zero = 0;
	__u64 *since = bpf_map_lookup_elem(&waiting, &thread);
	if (!since)
		return 0;
	__u64 ns = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&waiting, &thread);
	struct histogram *h = bpf_map_lookup_elem(&run_queue, &zero);
	if (!h)
		return 0;
	h->sum += ns;
	h->slots[slot_of(ns)]++;
	return 0;
}
