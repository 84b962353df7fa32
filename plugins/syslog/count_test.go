package sysloginput

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestMetrics(t *testing.T) {
	udp, udpAddr := freeAddress(t, "udp")
	tcp, tcpAddr := freeAddress(t, "tcp")
	w := startInput(t, "{server: '"+udp+"', servers: ['"+tcp+"']}")
	report := func(second int) *telemetry.Batch {
		at := time.Unix(int64(1_700_000_000+second), 0)
		b := telemetry.NewBatch(at, at, 0)
		_ = w.in.Gather(t.Context(), b)
		return b
	}
	report(0)
	sendText(t, dialServer(t, "udp", udpAddr), "<11>a")
	sendText(t, dialServer(t, "udp", udpAddr), "no priority")
	sendText(t, dialServer(t, "tcp", tcpAddr), "<165>b\n")
	w.waitEvents(3)
	second := report(10)
	got := map[string]float64{}
	for i := range second.Len() {
		s, _, v := second.Sample(i)
		got[strings.NewReplacer("udp:"+udpAddr, "U", "tcp:"+tcpAddr, "T").Replace(s.BareKey())] = v
	}
	plugintest.Expect(t, got, map[string]float64{
		"syslog_messages_U": 2, "syslog_messages_rate_U": 0.2, "syslog_messages_T": 1, "syslog_received_bytes_U": 5 + 11, "syslog_parse_errors_U": 1,
		"syslog_severity_messages_U_error": 1, "syslog_severity_messages_U_notice": 1, "syslog_facility_messages_U_user": 2,
		"syslog_facility_messages_T_local4": 1, "syslog_peer_messages_U_127.0.0.1": 2, "syslog_connections_T": 1, "syslog_connections_opened_T": 1,
	})
}

func TestPeersAreBounded(t *testing.T) {
	var c counts
	for i := range 5000 {
		c.countMessages(fmt.Sprint("10.0.", i), 1)
	}
	c.countMessages("10.0.0", 1) // known
	sum, n := int64(0), 0
	c.eachPeer(func(name string, messages int64) {
		sum += messages
		n++
		if name == others && messages != 4000 {
			t.Errorf("%d messages of others", messages)
		}
	})
	if sum != 5001 || n != maxPeers+1 {
		t.Errorf("%d messages of %d peers", sum, n)
	}
	for range forgetAfter + 1 {
		c.eachPeer(func(string, int64) {})
	}
	if len(c.peers) != 0 {
		t.Errorf("%d peers are kept", len(c.peers))
	}
}
