package cli

import (
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// listenerAt is a listener that only has an address.
type listenerAt struct {
	net.Listener
	addr net.TCPAddr
}

func (l *listenerAt) Addr() net.Addr { return &l.addr }

// TestDemoIntro: the demo says first where its dashboard is, and how to reach it from another machine.
func TestDemoIntro(t *testing.T) {
	server, err := web.New(web.Config{Settings: config.Web{Auth: httpauth.NoAuth()}, Redis: redisconn.Defaults()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	for _, tc := range []struct {
		ip, token, host string
		want            string
	}{
		{"127.0.0.1", "", "atila", "Dashboard:  http://127.0.0.1:8642; Elsewhere:  ssh -L 8642:127.0.0.1:8642 atila, then the same address"},
		{"::1", "", "a b", "Dashboard:  http://[::1]:8642; Elsewhere:  ssh -L 8642:[::1]:8642 'a b', then the same address"},
		{"0.0.0.0", "sesame", "atila", "Dashboard:  http://atila:8642; Token:      sesame"},
		{"192.0.2.1", "sesame", "atila", "Dashboard:  http://192.0.2.1:8642; Token:      sesame"},
		{"::", "", "atila", "Dashboard:  http://atila:8642"}, // --insecure
	} {
		w := demoWeb{server: server, listener: &listenerAt{addr: net.TCPAddr{IP: net.ParseIP(tc.ip), Port: 8642}}, token: tc.token}
		if diff := cmp.Diff(tc.want, strings.Join(w.intro(tc.host), "; ")); diff != "" {
			t.Errorf("%s: %s", tc.ip, diff)
		}
	}
}
