package bpf

// Program says what one program does and what it needs. All of them need BTF (/sys/kernel/btf/vmlinux) and the capabilities
// CAP_BPF and CAP_PERFMON, or root.
type Program struct {
	Name       string // in the object
	Tracepoint string
	Kernel     string // the first Linux that has what the program uses; of optional ones, the oldest on which it was seen (6.1 lacks them)
	Optional   bool   // the others work without it
	For        string
}

// Programs lists the programs of the connection observer. The ring buffer that all of them use exists since Linux 5.8.
func Programs() []Program {
	return []Program{
		{"tcp_state", "inet_sock_set_state", "5.8", false, "TCP connections and listeners, with their bytes"},
		{"udp_send", "net_dev_queue", "5.8", false, "conversations over UDP, also without connect"},
		{"udp_sent", "sock_send_length", "6.12", true, "who sent a datagram that had to wait for its neighbour"},
		{"udp_receive", "sock_recv_length", "6.12", true, "received bytes of connected UDP sockets"},
		{"process_fork", "sched_process_fork", "5.8", false, "who started whom"},
		{"process_exec", "sched_process_exec", "5.8", false, "names and command lines, also of processes that are gone soon"},
		{"process_exit", "sched_process_exit", "5.8", false, "the end of processes"},
	}
}
