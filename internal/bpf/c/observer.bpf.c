// The programs of the connection observer: state changes of TCP sockets, conversations over UDP, and processes.
#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct conversation_key);
	__type(value, struct conversation);
	__uint(max_entries, 16384); // the agent may choose another number
} conversations SEC(".maps");

// The process that last sent with a UDP socket, by the socket's inode.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, __u64);
	__type(value, struct process);
	__uint(max_entries, 4096);
} senders SEC(".maps");

static __always_inline __u64 inode_of(struct sock *sk)
{
	struct socket_alloc *s = (struct socket_alloc *)BPF_CORE_READ(sk, sk_socket);
	return s ? BPF_CORE_READ(s, vfs_inode.i_ino) : 0;
}

static __always_inline void put_ipv4(__u8 *into, __be32 address)
{
	__builtin_memset(into, 0, 10);
	into[10] = into[11] = 0xff;
	__builtin_memcpy(into + 12, &address, 4);
}

static __always_inline void put_addresses(struct socket_event *e, struct sock *sk)
{
	e->event.family = BPF_CORE_READ(sk, __sk_common.skc_family);
	e->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	e->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (e->event.family == AF_INET6) {
		BPF_CORE_READ_INTO(&e->local, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&e->remote, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
		return;
	}
	put_ipv4(e->local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
	put_ipv4(e->remote, BPF_CORE_READ(sk, __sk_common.skc_daddr));
}

// is_reported reports whether the agent needs to know of a state change: the beginning, the establishment and the end of a
// connection and of a listener, and the two changes that a process makes when it closes its end.
static __always_inline bool is_reported(int old_state, int new_state)
{
	switch (new_state) {
	case TCP_SYN_SENT:
	case TCP_ESTABLISHED:
	case TCP_CLOSE:
	case TCP_LISTEN:
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		return true;
	}
	return false;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state, struct sock *sk, int old_state, int new_state)
{
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP || !is_reported(old_state, new_state))
		return 0;
	struct socket_event *e = reserve(struct socket_event);
	if (!e)
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	begin(&e->event, EVENT_STATE, task);
	e->event.old_state = old_state;
	e->event.new_state = new_state;
	if (!is_owner(task))
		e->event.flags |= FLAG_NO_OWNER;
	e->socket = (__u64)sk;
	e->inode = inode_of(sk);
	e->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	e->error = BPF_CORE_READ(sk, sk_err);
	e->pad = 0;
	put_addresses(e, sk);
	e->tx = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
	e->rx = BPF_CORE_READ(tp, bytes_received);
	if (e->rx > 0 && BPF_CORE_READ(sk, __sk_common.skc_flags) & (1UL << SOCK_DONE))
		e->rx--; // the kernel counts the FIN of the remote end as a byte
	bpf_ringbuf_submit(e, wakeup());
	return 0;
}

// datagram is what the headers of a UDP packet say.
struct datagram {
	__u16 family;
	__u16 local_port;
	__u16 remote_port;
	__u16 length; // of the payload
	__u8 local[16];
	__u8 remote[16];
};

// parse_packet reads the headers of an outgoing packet. It returns false if it is not UDP, or not the first fragment.
static __always_inline bool parse_packet(struct datagram *d, struct sk_buff *skb)
{
	unsigned char *packet = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
	struct udp_header udp;
	unsigned int length;
	switch (BPF_CORE_READ(skb, protocol)) {
	case bpf_htons(ETH_P_IP): {
		struct ipv4_header ip;
		if (bpf_probe_read_kernel(&ip, sizeof(ip), packet) || ip.protocol != IPPROTO_UDP || ip.fragment & bpf_htons(0x1fff))
			return false;
		d->family = AF_INET;
		put_ipv4(d->local, ip.source);
		put_ipv4(d->remote, ip.destination);
		length = (ip.version_and_length & 15) * 4;
		break;
	}
	case bpf_htons(ETH_P_IPV6): {
		struct ipv6_header ip;
		if (bpf_probe_read_kernel(&ip, sizeof(ip), packet) || ip.next_header != IPPROTO_UDP)
			return false;
		d->family = AF_INET6;
		__builtin_memcpy(d->local, ip.source, 16);
		__builtin_memcpy(d->remote, ip.destination, 16);
		length = sizeof(ip);
		break;
	}
	default:
		return false;
	}
	if (bpf_probe_read_kernel(&udp, sizeof(udp), packet + length))
		return false;
	d->local_port = bpf_ntohs(udp.source);
	d->remote_port = bpf_ntohs(udp.destination);
	d->length = bpf_ntohs(udp.length) - sizeof(udp);
	return true;
}

static __always_inline void report_conversation(struct datagram *d, struct sock *sk, struct process *sender, __u32 netns, __u64 inode)
{
	struct socket_event *e = reserve(struct socket_event);
	if (!e)
		return;
	begin(&e->event, EVENT_UDP, bpf_get_current_task_btf());
	if (sender)
		e->event.process = *sender;
	else
		e->event.flags |= FLAG_NO_OWNER;
	e->event.family = d->family;
	if (BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK)
		e->event.flags |= FLAG_BOUND;
	e->socket = (__u64)sk;
	e->inode = inode;
	e->netns = netns;
	e->error = 0;
	e->pad = 0;
	e->tx = d->length;
	e->rx = 0;
	e->local_port = d->local_port;
	e->remote_port = d->remote_port;
	__builtin_memcpy(e->local, d->local, 16);
	__builtin_memcpy(e->remote, d->remote, 16);
	bpf_ringbuf_submit(e, wakeup());
}

// find_sender fills in who sends with a socket. A packet that had to wait for the address of its neighbour is sent later,
// while any process runs; the socket was used before then, so it is known. Returns false if nobody can be named.
static __always_inline bool find_sender(struct process *p, __u64 inode)
{
	struct process *known = bpf_map_lookup_elem(&senders, &inode);
	if (known) {
		*p = *known;
		return true;
	}
	struct task_struct *task = bpf_get_current_task_btf();
	if (!is_owner(task))
		return false;
	describe(p, task);
	return true;
}

// Every packet that this host sends passes here with its socket. A forwarded packet has none.
SEC("tp_btf/net_dev_queue")
int BPF_PROG(udp_send, struct sk_buff *skb)
{
	struct sock *sk = BPF_CORE_READ(skb, sk);
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_UDP)
		return 0;
	struct datagram d = {};
	if (!parse_packet(&d, skb))
		return 0;
	struct process sender = {};
	__u64 inode = inode_of(sk);
	bool found = find_sender(&sender, inode);
	struct conversation_key key = {
		.pid = sender.pid,
		.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum),
		.family = d.family,
		.remote_port = d.remote_port,
	};
	__builtin_memcpy(key.remote, d.remote, 16);
	__u64 now = bpf_ktime_get_boot_ns();
	struct conversation *known = bpf_map_lookup_elem(&conversations, &key);
	if (known) {
		known->last = now;
		__sync_fetch_and_add(&known->tx, d.length);
		__sync_fetch_and_add(&known->sent, 1);
		return 0;
	}
	struct conversation first = {.first = now, .last = now, .tx = d.length, .sent = 1};
	if (bpf_map_update_elem(&conversations, &key, &first, BPF_ANY)) {
		count(LOST_CONVERSATIONS);
		return 0;
	}
	report_conversation(&d, sk, found ? &sender : NULL, key.netns, inode);
	return 0;
}

// The kernel calls this in the process that sent, after the datagram has left or waits.
SEC("tp_btf/sock_send_length")
int BPF_PROG(udp_sent, struct sock *sk, int length, int flags)
{
	if (length < 0 || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_UDP)
		return 0;
	__u64 inode = inode_of(sk);
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct process *known = bpf_map_lookup_elem(&senders, &inode);
	if (!inode || (known && known->pid == pid))
		return 0;
	struct process sender;
	describe(&sender, bpf_get_current_task_btf());
	bpf_map_update_elem(&senders, &inode, &sender, BPF_ANY);
	return 0;
}

// Received bytes can be assigned only if the socket is connected: an unconnected one does not know from whom they are.
SEC("tp_btf/sock_recv_length")
int BPF_PROG(udp_receive, struct sock *sk, int length, int flags)
{
	if (length <= 0 || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_UDP)
		return 0;
	struct conversation_key key = {
		.family = BPF_CORE_READ(sk, __sk_common.skc_family),
		.remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport)),
	};
	if (!key.remote_port)
		return 0;
	key.pid = bpf_get_current_pid_tgid() >> 32;
	key.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (key.family == AF_INET6)
		BPF_CORE_READ_INTO(&key.remote, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	else
		put_ipv4(key.remote, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	struct conversation *known = bpf_map_lookup_elem(&conversations, &key);
	if (!known)
		return 0;
	known->last = bpf_ktime_get_boot_ns();
	__sync_fetch_and_add(&known->rx, length);
	__sync_fetch_and_add(&known->received, 1);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid))
		return 0; // a thread
	struct event *e = reserve(struct event);
	if (!e)
		return 0;
	begin(e, EVENT_FORK, child);
	// With CLONE_PARENT, the parent of the child is that of its maker. Who made it is what matters.
	e->process.parent = BPF_CORE_READ(parent, tgid);
	bpf_ringbuf_submit(e, wakeup());
	return 0;
}

// An exec event is too large for the stack.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct exec_event);
	__uint(max_entries, 1);
} exec_buffer SEC(".maps");

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	__u32 zero = 0;
	struct exec_event *e = bpf_map_lookup_elem(&exec_buffer, &zero);
	if (!e)
		return 0;
	begin(&e->event, EVENT_EXEC, task);
	e->pad = 0;
	unsigned long from = BPF_CORE_READ(task, mm, arg_start);
	__u64 length = BPF_CORE_READ(task, mm, arg_end) - from;
	if (length > MAX_ARGS) {
		length = MAX_ARGS;
		e->event.flags |= FLAG_TRUNCATED;
	}
	if (bpf_probe_read_user(e->args, length & (2 * MAX_ARGS - 1), (void *)from))
		length = 0;
	e->length = length;
	if (bpf_ringbuf_output(&events, e, __builtin_offsetof(struct exec_event, args) + length, wakeup()))
		count(LOST_EVENTS);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	if (BPF_CORE_READ(task, signal, live.counter) != 0)
		return 0; // other threads go on
	struct event *e = reserve(struct event);
	if (!e)
		return 0;
	begin(e, EVENT_EXIT, task);
	bpf_ringbuf_submit(e, wakeup());
	return 0;
}
