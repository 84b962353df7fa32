package cli_test

import (
	"net"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
)

func TestTermWritesOutWhatIsBuffered(t *testing.T) { stopsInOrder(t, syscall.SIGTERM) }

// heedHangUps makes child processes heed SIGHUP even if this process runs under nohup: they do not ignore what it handles.
func heedHangUps(t *testing.T) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
}

func TestHangUpUnderNohupIsIgnored(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	signal.Ignore(syscall.SIGHUP)
	// Not Reset: child processes would continue to ignore the signal. They do not ignore signals that this process handles.
	defer signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	p := start(t, yamlFor(s.Addr(), "h", "interval: 100ms"))
	p.waitFor("gathered input=linux_mem", 2)
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.waitFor("gathered input=linux_mem", 5)
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func stopsInOrder(t *testing.T, sig syscall.Signal) {
	s := serve(t, "127.0.0.1:0")
	p := start(t, yamlFor(s.Addr(), "h", "interval: 100ms", "flush_interval: 1h"))
	p.waitFor("gathered input=linux_mem", 5)
	if err := p.stop(sig); err != nil {
		t.Errorf("ended with %v", err)
	}
	p.waitFor("rtcollector stopped, nothing lost", 1)
	if n := count(t, s.Addr(), "h:mem_total"); n < 5 {
		t.Errorf("%d samples of mem_total, want those of at least 5 gathers", n)
	}
}

func TestSecondInterruptEndsAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := start(t, yamlFor(l.Addr().String(), "h", "interval: 100ms"))
	p.waitFor("gathered input=linux_mem", 2)
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.waitFor("cause=\"signal: interrupt\"", 1)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-p.done:
			ended = true
		case <-tick.C: // signals in the first quarter of a second count as the first one
			_ = p.cmd.Process.Signal(syscall.SIGINT)
		}
	}
	if code := p.cmd.ProcessState.ExitCode(); code != cli.ExitInterrupted {
		t.Errorf("exit code %d, want %d", code, cli.ExitInterrupted)
	}
}

// Supervisors may send a signal to a process and to its group. The copy must not end the program early.
func TestDoubledSignalIsOne(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	p := start(t, yamlFor(s.Addr(), "h", "interval: 100ms", "flush_interval: 1h"))
	p.waitFor("gathered input=linux_mem", 2)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.stop(syscall.SIGINT); err != nil { // a different signal, because the kernel merges two equal ones
		t.Errorf("ended with %v", err)
	}
	p.waitFor("rtcollector stopped, nothing lost", 1)
}
