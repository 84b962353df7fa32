//go:build linux && (386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64)

package bpf

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/cilium/ebpf/btf"
)

// Observer runs the programs of the connection observer. It belongs to one goroutine, except for [Observer.Lost] and
// [Observer.Usage].
type Observer struct {
	loaded
	event         Event
	conversations entries[observerConversationKey, observerConversation]
}

// Observe loads the programs and attaches them. The error says what the system lacks and what to do.
func Observe(c Config) (*Observer, error) {
	o := &Observer{loaded: loaded{list: Programs()}}
	if err := o.start(c); err != nil {
		_ = o.Close()
		return nil, explain(err)
	}
	return o, nil
}

func (o *Observer) start(c Config) error {
	if err := removeMemlock(); err != nil {
		return err
	}
	spec, err := loadObserver()
	if err != nil {
		return err
	}
	spec.Maps["events"].MaxEntries = uint32(cmp.Or(c.RingBytes, 4<<20))
	spec.Maps["conversations"].MaxEntries = uint32(cmp.Or(c.Conversations, 16384))
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return err
	}
	if err := removeUnavailable(spec, kernel, o.list); err != nil {
		return err
	}
	return o.load(spec, c.MeasureTime)
}

// Read calls each with the events that have arrived, in their order. It waits for more until this time has passed. Events
// are reused: each must copy what it keeps.
func (o *Observer) Read(wait time.Duration, each func(*Event)) error {
	return o.read(wait, func(data []byte) error {
		if err := o.event.decode(data); err != nil {
			return err
		}
		each(&o.event)
		return nil
	})
}

// Conversations calls each with every conversation over UDP. It forgets those for which each returns true; one that goes on
// begins anew.
func (o *Observer) Conversations(each func(*ConversationInfo) (forget bool)) error {
	return o.conversations.each(o.maps["conversations"], "conversations over UDP", func(k *observerConversationKey, v *observerConversation) bool {
		info := conversationInfo(k, v)
		return each(&info)
	})
}

func conversationInfo(k *observerConversationKey, v *observerConversation) ConversationInfo {
	return ConversationInfo{
		ConversationKey: ConversationKey{int(k.Pid), k.Netns, netip.AddrPortFrom(netip.AddrFrom16(k.Remote).Unmap(), k.RemotePort)},
		First:           time.Duration(v.First), Last: time.Duration(v.Last), Tx: v.Tx, Rx: v.Rx, Sent: v.Sent, Received: v.Received,
	}
}

// HasReceivedBytes reports whether the kernel tells how much connected UDP sockets receive.
func (o *Observer) HasReceivedBytes() bool { return o.programs["udp_receive"] != nil }

// Lost returns what was lost since the programs were loaded.
func (o *Observer) Lost() (Lost, error) {
	counters, err := o.counters()
	return Lost{Events: counters[lostEvents], Conversations: counters[lostConversations]}, err
}
