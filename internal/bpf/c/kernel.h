// The parts of kernel structures that our programs read. The loader finds each field in the running kernel by its name
// (CO-RE), so order and neighbours do not matter here. Names and types are those of Linux 5.8 to 6.18.
#pragma once

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef __u8 bool;

#define true 1
#define false 0
#define NULL ((void *)0)

enum bpf_map_type_used {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum bpf_flags_used {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
	BPF_RB_RING_SIZE = 1,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned long skc_flags;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct inode {
	unsigned long i_ino;
};

struct socket {
	short type;
};

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	__u16 sk_protocol;
	int sk_err;
	__u8 sk_userlocks : 4;
};

struct tcp_sock {
	__u64 bytes_received;
	__u64 bytes_sent;
	__u64 bytes_retrans;
};

struct tcp_skb_cb {
	__u16 tcp_gso_segs;
};

struct sk_buff {
	struct sock *sk;
	char cb[48];
	__be16 protocol;
	__u16 network_header;
	unsigned char *head;
};

typedef struct {
	__u32 val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct task_io_accounting {
	__u64 syscr;
	__u64 syscw;
	__u64 read_bytes;
	__u64 write_bytes;
	__u64 cancelled_write_bytes;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	// Those of threads that were released already:
	__u64 utime;
	__u64 stime;
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long min_flt;
	unsigned long maj_flt;
	unsigned long maxrss; // pages
	struct task_io_accounting ioac;
	unsigned long long sum_sched_runtime;
	struct mm_struct *oom_mm; // set when the OOM killer chose the process
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

struct thread_info {
	int preempt_count;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	int pid;
	int tgid;
	__u64 start_boottime;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	const struct cred *real_cred;
	const struct cred *cred;
	struct signal_struct *signal;
	struct mm_struct *mm;
	int exit_code;
	unsigned int __state;
	char comm[16];
};

// Before Linux 5.14.
struct task_struct___old {
	volatile long state;
};

struct gendisk {
	int major;
	int first_minor;
};

struct request_queue {
	struct gendisk *disk;
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len;
};

// Before Linux 5.17.
struct request___old {
	struct gendisk *rq_disk;
};

struct linux_binprm;
struct request_sock;

#pragma clang attribute pop

// Header of an IPv4 packet (RFC 791).
struct ipv4_header {
	__u8 version_and_length;
	__u8 tos;
	__be16 total_length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 destination;
};

// Header of an IPv6 packet (RFC 8200).
struct ipv6_header {
	__be32 version_and_flow;
	__be16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
	__u8 source[16];
	__u8 destination[16];
};

// Header of a UDP datagram (RFC 768).
struct udp_header {
	__be16 source;
	__be16 destination;
	__be16 length;
	__be16 checksum;
};

enum {
	AF_INET = 2,
	AF_INET6 = 10,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	IPPROTO_UDPLITE = 136,
	IPPROTO_MPTCP = 262,
	MSG_PEEK = 2,
	SIGNAL_GROUP_EXIT = 4, // bit of signal_struct.flags (include/linux/sched/signal.h)
	ETH_P_IP = 0x0800,
	ETH_P_IPV6 = 0x86dd,
	PF_KTHREAD = 0x00200000, // include/linux/sched.h
	SOCK_DONE = 1,           // bit of skc_flags: the remote end has sent its FIN (include/net/sock.h)
	SOCK_BINDPORT_LOCK = 8,  // bit of sk_userlocks: bind chose the port
	INTERRUPT_MASK = 0x00ff0100, // bits of preempt_count: serving an interrupt, also a soft one (include/linux/preempt.h)
};

// Kinds of requests to disks (include/linux/blk_types.h).
enum {
	REQ_OP_READ = 0,
	REQ_OP_WRITE = 1,
	REQ_OP_FLUSH = 2,
	REQ_OP_DISCARD = 3,
	REQ_OP_SECURE_ERASE = 5,
	REQ_OP_DRV_IN = 34, // this one and those that follow are commands for the driver
	REQ_OP_MASK = 255,
};

// States of a TCP socket (include/net/tcp_states.h).
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
};
