package remotename

import (
	"crypto/tls"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// packetRate is the load of the benchmarks: packets a second.
const packetRate = 50_000

// BenchmarkCapture sends 50,000 packets a second over an Ethernet for a second per operation and reports how much of a core reading them
// takes (reader-%), and how much sending takes, in which the kernel runs the filter and copies what passes it (sender-%).
func BenchmarkCapture(b *testing.B) {
	hello := clientHello(b, &tls.Config{ServerName: "bench.example", CurvePreferences: []tls.CurveID{tls.X25519}})
	server, client := addrPort("203.0.113.7:443"), addrPort("203.0.113.8:40000")
	var dns, hellos, plain, downloads [][]byte
	for i := range 2000 {
		client := addrPort(client.String())
		answer := addressAnswer("bench.example", "203.0.113.9", 60)
		answer[0], answer[1] = byte(i>>8), byte(i)
		dns = append(dns, udpPacket(client, addrPort("203.0.113.7:53"), queryFor(answer)), udpPacket(addrPort("203.0.113.7:53"), client, answer))
		hellos = append(hellos, tcpPacket(client, server, flagACK, uint32(i), hello))
		plain = append(plain, tcpPacket(client, server, flagACK, uint32(i), append([]byte{recordData, 3, 3, 4, 0}, make([]byte, 1024)...)))
		downloads = append(downloads, tcpPacket(server, client, flagACK, uint32(i), make([]byte, 1400)))
	}
	for _, load := range []struct {
		name    string
		packets [][]byte
		capture bool
	}{
		{"no capture", plain, false}, {"application data", plain, true}, {"download", downloads, true}, {"DNS", dns, true}, {"ClientHello", hellos, true},
	} {
		b.Run(load.name, func(b *testing.B) {
			from, to := connectHosts(b)
			var namer Namer
			if load.capture {
				namer = to.capture()
			}
			var sent, all, sending time.Duration
			for b.Loop() {
				before, start := cpuTime(b, unix.RUSAGE_SELF), time.Now()
				sending += from.sendFrames(load.packets)
				sent += time.Since(start)
				all += cpuTime(b, unix.RUSAGE_SELF) - before
			}
			b.ReportMetric(100*float64(all-sending)/float64(sent), "reader-%")
			b.ReportMetric(100*float64(sending)/float64(sent), "sender-%")
			if namer != nil {
				s := namer.Stats()
				b.ReportMetric(float64(s.Packets)/float64(b.N), "packets/op")
				b.ReportMetric(float64(s.Dropped)/float64(b.N), "dropped/op")
			}
		})
	}
}

// sendFrames sends packets for a second, some every millisecond, and returns the CPU time that this took.
func (n *namespace) sendFrames(packets [][]byte) (used time.Duration) {
	n.t.Helper()
	n.inside(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		eth0, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		to := &unix.SockaddrLinklayer{Ifindex: eth0.Index, Halen: 6}
		header := slices.Concat(slices.Repeat([]byte{2}, 12), []byte{8, 0}) // to an address that no interface has
		before := cpuTime(n.t, unix.RUSAGE_THREAD)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		start, frame := time.Now(), make([]byte, 0, 2048)
		for sent := 0; sent < packetRate; <-tick.C {
			for due := int(time.Since(start) * packetRate / time.Second); sent < min(due, packetRate); sent++ {
				frame = append(append(frame[:0], header...), packets[sent%len(packets)]...)
				if err := unix.Sendto(fd, frame, 0, to); err != nil && err != unix.ENOBUFS {
					return err
				}
			}
		}
		used = cpuTime(n.t, unix.RUSAGE_THREAD) - before
		return nil
	})
	return used
}

func cpuTime(t testing.TB, who int) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
