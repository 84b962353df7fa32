package bpf

// Program says what one program does and what it needs. All of them need BTF (/sys/kernel/btf/vmlinux) and the capabilities
// CAP_BPF and CAP_PERFMON, or root.
type Program struct {
	Name       string // in the object
	Tracepoint string
	Kernel     string // the first Linux that has what the program uses, or the oldest on which it was seen
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

// part is a set of the programs of a [Meter] that a [MeterConfig] can ask for.
type part uint8

const (
	network part = 1 << iota
	block        // bytes and requests by process
	processes
	latency
	retransmits
	runQueue
)

// parts returns what c asks for.
func (c *MeterConfig) parts() part {
	var all part
	for _, p := range [...]struct {
		part   part
		wanted bool
	}{
		{network, c.Network}, {block, c.Block}, {processes, c.Processes}, {latency, c.Latency}, {retransmits, c.Retransmits}, {runQueue, c.RunQueue},
	} {
		if p.wanted {
			all |= p.part
		}
	}
	return all
}

// meterProgram is a program of a [Meter].
type meterProgram struct {
	Program
	parts part // any of them needs it
}

// MeterPrograms lists the programs of a [Meter].
func MeterPrograms() []Program {
	all := meterPrograms()
	programs := make([]Program, len(all))
	for i := range all {
		programs[i] = all[i].Program
	}
	return programs
}

func meterPrograms() []meterProgram {
	return []meterProgram{
		{Program{"traffic_send", "sock_send_length", "6.12", true, "bytes that processes send over TCP and UDP"}, network},
		{Program{"traffic_receive", "sock_recv_length", "6.12", true, "bytes that processes receive over TCP and UDP"}, network},
		{Program{"request_start", "block_io_start", "6.12", true, "which process made a request to a disk"}, block},
		{Program{"request_insert", "block_rq_insert", "5.11", true, "the same on older kernels"}, block},
		{Program{"request_issue", "block_rq_issue", "5.11", false, "when a disk got a request"}, block | latency},
		{Program{"request_complete", "block_rq_complete", "5.11", false, "when a request was complete, and its bytes"}, block | latency},
		{Program{"tcp_retransmit", "tcp_retransmit_skb", "5.11", false, "TCP segments that are sent again"}, retransmits},
		{Program{"tcp_retransmit_synack", "tcp_retransmit_synack", "5.11", true, "answers to new connections that are sent again"}, retransmits},
		{Program{"tcp_reset_sent", "tcp_send_reset", "5.11", true, "TCP connections that this host rejects or aborts"}, retransmits},
		{Program{"tcp_reset_received", "tcp_receive_reset", "5.11", true, "TCP connections that remote ends reject or abort"}, retransmits},
		{Program{"process_fork", "sched_process_fork", "5.11", false, "processes that begin"}, processes},
		{Program{"process_exec", "sched_process_exec", "5.11", false, "processes that become another program"}, processes},
		{Program{"process_free", "sched_process_free", "5.11", false, "processes that ended, with what they used"}, processes},
		{Program{"oom_victim", "mark_victim", "6.12", true, "the choice of the OOM killer"}, processes},
		{Program{"oom_victim_id", "mark_victim", "5.11", true, "the same on older kernels"}, processes},
		{Program{"thread_wakeup", "sched_wakeup", "5.11", false, "when a thread begins to wait for a CPU"}, runQueue},
		{Program{"thread_wakeup_new", "sched_wakeup_new", "5.11", false, "the same for a new thread"}, runQueue},
		{Program{"thread_switch", "sched_switch", "5.11", false, "when a thread gets a CPU"}, runQueue},
	}
}
