// What the programs send to the agent. internal/bpf/event.go decodes it: keep both alike.
#pragma once

#include "kernel.h"

enum event_kind {
	EVENT_STATE = 1, // the state of a TCP socket changed
	EVENT_UDP,       // the first datagram of a conversation
	EVENT_FORK,
	EVENT_EXEC,
	EVENT_EXIT,
};

// Bits of event.flags.
enum event_flags {
	FLAG_NO_OWNER = 1,  // sent by an interrupt or a kernel thread: the process says nothing about the socket
	FLAG_BOUND = 2,     // bind chose the local port
	FLAG_TRUNCATED = 4, // exec: the arguments are longer
};

struct process {
	__u64 start; // ns since boot
	__u32 pid;
	__u32 parent;
	__u32 uid;
	__u8 comm[16]; // of the process, not of the thread
	__u8 pad[4];
};

struct event {
	__u64 time; // ns since boot
	__u8 kind;
	__u8 flags;
	__u8 family;
	__u8 old_state;
	__u8 new_state;
	__u8 pad[3];
	struct process process;
};

struct socket_event {
	struct event event;
	__u64 socket; // address of the socket in the kernel, unique until it is closed
	__u64 tx;     // bytes of payload, without retransmissions
	__u64 rx;
	__u64 inode;  // of the socket, as in /proc/PID/fd; 0 when no process has it any more
	__u32 netns;  // inode of the network namespace
	__s32 error;  // errno of the socket
	__u16 local_port;
	__u16 remote_port;
	__u32 pad;
	__u8 local[16];
	__u8 remote[16];
};

// MAX_ARGS is how much of a command line is sent. It is more than the agent keeps, because credentials are removed before
// the line is cut.
#define MAX_ARGS 4096

struct exec_event {
	struct event event;
	__u32 length; // of args, in bytes
	__u32 pad;
	__u8 args[MAX_ARGS]; // separated by NUL
};

// A conversation: what one process sends to one remote end over UDP.
struct conversation_key {
	__u32 pid;
	__u32 netns;
	__u16 family;
	__u16 remote_port;
	__u32 pad;
	__u8 remote[16];
};

struct conversation {
	__u64 first; // ns since boot
	__u64 last;
	__u64 tx; // bytes of payload
	__u64 rx; // only of connected sockets
	__u64 sent; // datagrams
	__u64 received;
};
