package connections

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/sockets"
)

func kernelProcess(pid int, comm string) bpf.Process {
	p := bpf.Process{PID: pid, Parent: 1, Start: time.Duration(pid) * 10 * time.Millisecond}
	copy(p.CommBytes[:], comm)
	return p
}

var stateNumbers = map[string]sockets.State{
	"ESTABLISHED": sockets.Established, "SYN_SENT": sockets.SynSent, "SYN_RECV": sockets.SynRecv, "FIN_WAIT1": sockets.FinWait1, "FIN_WAIT2": sockets.FinWait2,
	"CLOSE": sockets.Closed, "CLOSE_WAIT": sockets.CloseWait, "LAST_ACK": sockets.LastAck, "LISTEN": sockets.Listen,
}

// State changes as the kernel reports them, most of them while another process runs. The programs do not tell interrupts on every
// system, so all of them come without the mark that nobody caused them.
func TestStateChangesInInterrupts(t *testing.T) {
	data, err := os.ReadFile("testdata/state-changes-in-interrupts/events.json")
	if err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Time     int64  `json:"t_ns"`
		Socket   string `json:"skaddr"`
		Old, New string
		PID      int `json:"tgid"`
		Comm     string
		Local    string `json:"l"`
		Remote   string `json:"r"`
	}
	if err := json.Unmarshal(data, &events); err != nil || len(events) != 12 {
		t.Fatal(len(events), err)
	}
	tr := newTestTracker(watchEverything)
	k := newKernelView(tr)
	sshd := kernelProcess(200, "sshd")
	k.handle(&bpf.Event{
		Kind: bpf.StateChange, Old: sockets.Closed, New: sockets.Listen, Process: sshd, Socket: 0xb0, Local: netip.MustParseAddrPort("0.0.0.0:22"),
	}, start)
	for _, e := range events {
		k.handle(&bpf.Event{
			Kind: bpf.StateChange, Old: stateNumbers[e.Old], New: stateNumbers[e.New], Process: kernelProcess(e.PID, e.Comm),
			Socket: uint64(e.Socket[3]-'0') | uint64(e.Socket[2])<<8, Local: netip.MustParseAddrPort(e.Local), Remote: netip.MustParseAddrPort(e.Remote),
			Error: syscall.ECONNREFUSED, NoOwner: strings.HasPrefix(e.Comm, "ksoftirqd"),
		}, start.Add(time.Duration(e.Time)))
	}
	wantLines(t, summarizeAll(t, tr.takeEvents()), []string{
		"connect out curl 203.0.113.7:443",
		"connect in sshd 10.0.0.9:51000",
		"close out curl 203.0.113.7:443 9.198ms",
		"connect out git 203.0.113.8:443 connection refused",
		"connect out node 203.0.113.9:443 before start",
		"close out node 203.0.113.9:443 before start",
	})
	if len(tr.open) != 1 || len(k.bySocket) != 1 || tr.active() != 1 {
		t.Errorf("%d connections are open, want that of sshd only", len(tr.open))
	}
}

// The end of a connection that was lost is made up for when its socket is used again, or when lists do not have it.
func TestLostEnds(t *testing.T) {
	tr := newTestTracker(nil)
	k := newKernelView(tr)
	claude(tr)
	connect := func(socket uint64, inode uint64, ms int) {
		p := kernelProcess(300, "claude")
		p.Start = 10 * time.Millisecond
		e := bpf.Event{Kind: bpf.StateChange, Old: sockets.Closed, New: sockets.SynSent, Process: p, Socket: socket, Inode: inode, Remote: netip.MustParseAddrPort("192.0.2.1:443")}
		k.handle(&e, at(ms))
		e.Old, e.New = sockets.SynSent, sockets.Established
		k.handle(&e, at(ms+1))
	}
	connect(1, 11, 0)
	connect(1, 12, 100)
	connect(2, 13, 200)
	k.update(nil, at(2000), true)
	if len(tr.open) != 2 {
		t.Errorf("%d connections are open", len(tr.open))
	}
	k.update(nil, at(3000), true)
	var closes []string
	for _, e := range parseAll(t, tr.takeEvents()) {
		if e.Kind == connlog.Close {
			closes = append(closes, e.Reason+" "+e.Duration.String())
		}
	}
	if len(closes) != 3 || closes[0] != "unseen 99ms" || len(tr.open) != 0 {
		t.Errorf("%q, %d open", closes, len(tr.open))
	}
}

// One process and one remote end are one conversation, whoever is asked how often.
func TestConversations(t *testing.T) {
	tr := newTestTracker(nil)
	k := newKernelView(tr)
	claude(tr)
	p := kernelProcess(300, "claude")
	p.Start = 10 * time.Millisecond
	e := bpf.Event{Kind: bpf.Conversation, Process: p, Netns: 1, Local: netip.MustParseAddrPort("10.0.0.5:40000"), Remote: netip.MustParseAddrPort("10.0.0.1:53"), Tx: 40}
	k.handle(&e, at(0))
	e.Local = netip.MustParseAddrPort("10.0.0.5:40001")
	k.handle(&e, at(5))
	e.Remote, e.NoOwner = netip.MustParseAddrPort("10.0.0.2:53"), true
	k.handle(&e, at(6)) // nobody's
	wantLines(t, summarizeAll(t, tr.takeEvents()), []string{"connect out claude 10.0.0.1:53"})
	if len(tr.open) != 1 {
		t.Errorf("%d conversations", len(tr.open))
	}
}

func TestStartTicks(t *testing.T) {
	if got := startTicks(8072_879_999_999 * time.Nanosecond); got != 807287 {
		t.Error(got)
	}
	if (proctable.ID{PID: 1, Start: 2}) == (proctable.ID{PID: 1, Start: 3}) {
		t.Error("a PID alone is not an identity")
	}
}
