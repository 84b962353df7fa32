package remotename

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// TestRecordPcap records with tcpdump what TestRecordedPcap replays. With RTC_TEST_RECORD=1 it writes the file of that test.
func TestRecordPcap(t *testing.T) {
	servicetest.RequireCommands(t, "tcpdump", "tcpdump")
	n := newNamespace(t, "pcap")
	n.dnsmasq()
	path := filepath.Join(t.TempDir(), "recorded.pcap")
	if os.Getenv("RTC_TEST_RECORD") != "" {
		path = "testdata/recorded.pcap"
	}
	tcpdump := servicetest.New(t)
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	tcpdump.Args = []string{"ip", "netns", "exec", n.name, "tcpdump", "-i", "lo", "-U", "-Z", "root", "-w", absolute}
	tcpdump.StopSignal = os.Interrupt
	tcpdump.Ready = func(context.Context) error {
		if info, err := os.Stat(absolute); err != nil || info.Size() < pcapHeader {
			return errors.New("the file is empty")
		}
		return nil
	}
	os.Remove(absolute)
	tcpdump.Run()
	n.dig("www.shop.example")
	n.dig("+tcp", "www.shop.example", "AAAA")
	web := n.serveTLS(net.JoinHostPort(webServer, "443"))
	n.dialTLS(web, "one.example")
	n.dialTLS(web, "")
	n.dialTLS(n.serveTLS(net.JoinHostPort(webServer, "4444")), "two.example")
	last := n.dialTLS(n.serveTLS(net.JoinHostPort(webServer6, "443")), "six.example")
	var replayed Namer
	servicetest.Until(t, "the last connection is in the file", func(context.Context) error {
		data, err := os.ReadFile(absolute)
		if err != nil {
			return err
		}
		replayed = replay(t, data)
		if name, _ := replayed.Lookup(last); name.Name == "" {
			return errors.New("no name")
		}
		return nil
	})
	checkRecording(t, replayed)
}
