package redisconn

import "testing"

// After Close, neither the slots nor the nodes are remembered.
func TestCloseForgetsTheCluster(t *testing.T) {
	s := (&Client{Clustered: true}).NewShards()
	s.at("127.0.0.1:1")
	s.slots = make([]uint16, Slots)
	s.Close()
	if s.slots != nil || len(s.pipes) != 0 || len(s.index) != 0 {
		t.Errorf("%d pipes, %v", len(s.pipes), s.index)
	}
}

// One command that needs ASKING makes its whole group use it, whichever comes first.
func TestRedirect(t *testing.T) {
	for range 20 { // maps have no order
		s := (&Client{Clustered: true}).NewShards()
		again := s.redirect(map[int]Redirect{0: {Addr: "a:1", Ask: true}, 1: {Addr: "a:1"}, 2: {Addr: "b:1"}})
		one, other := again[s.at("a:1")], again[s.at("b:1")]
		if len(again) != 2 || !one.asking || len(one.commands) != 2 || other.asking {
			t.Fatalf("%+v %+v", one, other)
		}
	}
}
