package sysloginput

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
)

// formatEvent returns an event on one line: facility.severity host app[proc] msgid, its other fields, the message.
func formatEvent(e telemetry.Event) string {
	facility := 0
	_, _ = fmt.Sscan(fieldText(e, eventdoc.Facility), &facility)
	s := fmt.Sprintf("%s.%s %s %s[%s] %s", facilityName(facility), e.Severity, e.Host, e.App, e.Proc, e.MsgID)
	for _, f := range e.Fields {
		if f.Key != eventdoc.Facility && f.Key != eventdoc.RemoteIP && !strings.HasPrefix(f.Key, "timeQuality_") && f.Key != "meta_sequenceId" {
			s += fmt.Sprintf(" %s=%s", f.Key, f.Text())
		}
	}
	return s + ": " + e.Message
}

// expectEvents waits for the events and compares them: each appears exactly once, with the time at which it was sent.
func (w *runningInput) expectEvents(began time.Time, want ...string) {
	w.t.Helper()
	var got []string
	for _, e := range w.waitFor(len(want)) {
		got = append(got, formatEvent(e))
		if e.Time.Before(began.Truncate(time.Second)) || e.Time.After(time.Now()) {
			w.t.Errorf("%s was sent at %v, not since %v", e.Message, e.Time, began)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("-want +got:\n%s", diff)
	}
}

// runLogger sends a message with the program logger.
func runLogger(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command("logger", args...).CombinedOutput(); err != nil {
		t.Fatalf("logger %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// hostName returns the name of this machine, as senders write it.
func hostName(t testing.TB, long bool) string {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if !long {
		name, _, _ = strings.Cut(name, ".")
	}
	return name
}

// TestLogger uses logger of util-linux.
func TestLogger(t *testing.T) {
	servicetest.RequireCommands(t, "bsdutils", "logger")
	const text = "grün 漢字 \t\x1b[31m % \"quoted\" [x]"
	long := strings.Repeat("ä", 5000)
	short, full := hostName(t, false), hostName(t, true)
	for _, network := range []string{"udp", "tcp", "unix", "unixgram"} {
		for _, counted := range []bool{false, true} {
			if counted && network != "tcp" {
				continue
			}
			t.Run(fmt.Sprintf("%s, counted %t", network, counted), func(t *testing.T) {
				server, addr := freePort(t, network)
				how := []string{"-n", "127.0.0.1", "-P", servicetest.PortOf(addr), "-d"}
				switch network {
				case "tcp":
					how[4] = "-T"
				case "unix", "unixgram":
					path := filepath.Join(t.TempDir(), "s")
					server, how = network+"://"+path, []string{"-u", path, "--socket-errors=on"}
					if network == "unix" {
						how = append(how, "-T")
					}
				}
				if counted {
					how = append(how, "--octet-count")
				}
				w, began := startInput(t, "server: '"+server+"'"), time.Now()
				say := func(args ...string) { runLogger(t, append(slices.Clone(how), args...)...) }
				say("--rfc3164", "-t", "app", "-p", "local3.err", text)
				say("--rfc3164", "-t", "app", "--id=4711", "-p", "auth.info", "with a pid")
				say("--rfc5424", "-t", "app", "-p", "local7.debug", text)
				say("--rfc5424=notime,notq", "-t", "app", "--id=4711", "--msgid", "ID1", "-p", "mail.crit", "--sd-id", "a@1", "--sd-param", `k="v \" \] \\"`, "--sd-param", `l=""`, "--", "-dashes-")
				say("--rfc5424", "-t", "app", "--size", "20000", "-p", "user.notice", long)
				w.expectEvents(began,
					"local3.error "+short+" app[] : "+text,
					"auth.info "+short+" app[4711] : with a pid",
					"local7.debug "+full+" app[] : "+text,
					`mail.critical `+full+` app[4711] ID1 a@1_k=v " ] \ a@1_l=: -dashes-`,
					"user.notice "+full+" app[] : "+long,
				)
			})
		}
	}
}

// forwardedMessage is a message that a daemon forwards, and the event that it must become.
type forwardedMessage struct {
	args       []string
	text       string
	want       string // over RFC 3164
	structured string // over RFC 5424, if that differs
}

func forwardedMessages(t testing.TB) []forwardedMessage {
	host := hostName(t, true)
	all := []forwardedMessage{
		{[]string{"-t", "probe", "-p", "local3.err"}, "grün 漢字 \x1b[31m %", "local3.error " + host + " probe[] : ", ""},
		{[]string{"-t", "probe", "--id=4711", "-p", "auth.info"}, "with a pid: and a colon", "auth.info " + host + " probe[4711] : ", ""},
		{[]string{"-t", "probe", "-p", "mail.crit", "--msgid", "ID1", "--sd-id", "a@1", "--sd-param", `k="v \" \] \\"`}, "structured",
			"mail.critical " + host + " probe[] : ", "mail.critical " + host + ` probe[] ID1 a@1_k=v " ] \: `},
		{[]string{"-t", "probe", "--size", "8000"}, strings.Repeat("ä", 3000), "user.notice " + host + " probe[] : ", ""},
	}
	for i := range 20 {
		all = append(all, forwardedMessage{[]string{"-t", "probe"}, fmt.Sprintf("line %d", i), "user.notice " + host + " probe[] : ", ""})
	}
	return all
}

// sendThrough sends all messages to a daemon that listens on a socket file, and waits until it has forwarded them.
func (w *runningInput) sendThrough(socket string, structured bool) {
	w.t.Helper()
	began, format := time.Now(), "--rfc3164"
	if structured {
		format = "--rfc5424"
	}
	var want []string
	for _, s := range forwardedMessages(w.t) {
		if s.structured != "" && structured {
			s.want = s.structured
		} else if s.structured != "" {
			continue
		}
		runLogger(w.t, slices.Concat([]string{format, "-u", socket, "--socket-errors=on"}, s.args, []string{s.text})...)
		want = append(want, s.want+s.text)
	}
	w.expectEvents(began, want...)
}

// socketReady returns a check that a daemon listens on its socket file.
func socketReady(path string) func(context.Context) error {
	return func(context.Context) error {
		_, err := os.Stat(path)
		return err
	}
}

// pemFiles are certificates for a client and for the server, and their authority.
type pemFiles struct{ ca, cert, key, clientCert, clientKey string }

func issue(t testing.TB) pemFiles {
	a := tlstest.New(t)
	cert, key := a.Issue(t, tlstest.Cert{})
	clientCert, clientKey := a.Issue(t, tlstest.Cert{})
	return pemFiles{a.File, cert, key, clientCert, clientKey}
}

// startInput starts the input for a network.
func (p pemFiles) startInput(t testing.TB, network string) (w *runningInput, port string) {
	server, addr := freePort(t, network)
	config := "{server: '" + server + "'"
	if network == "tls" {
		config += fmt.Sprintf(", tls_cert: '%s', tls_key: '%s', tls_client_ca: '%s'", p.cert, p.key, p.ca)
	}
	return startInput(t, config+"}"), servicetest.PortOf(addr)
}

func TestRsyslog(t *testing.T) {
	servicetest.RequireCommands(t, "bsdutils", "logger")
	servicetest.RequireCommands(t, "rsyslog", "rsyslogd")
	certs := issue(t)
	for name, tc := range map[string]struct {
		network, action string
		structured      bool
	}{
		"udp":                 {"udp", `protocol="udp" template="RSYSLOG_SyslogProtocol23Format"`, true},
		"udp, 3164":           {"udp", `protocol="udp" template="RSYSLOG_TraditionalForwardFormat"`, false},
		"tcp, lines":          {"tcp", `protocol="tcp" TCP_Framing="traditional" template="RSYSLOG_SyslogProtocol23Format"`, true},
		"tcp, counted":        {"tcp", `protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"`, true},
		"tcp, lines, ISO":     {"tcp", `protocol="tcp" template="RSYSLOG_ForwardFormat"`, false},
		"tcp, counted, 3164":  {"tcp", `protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_TraditionalForwardFormat"`, false},
		"tls, with a client":  {"tls", `protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format" StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/certvalid"`, true},
		"tls, lines, ISO too": {"tls", `protocol="tcp" template="RSYSLOG_ForwardFormat" StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/certvalid"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.network == "tls" {
				servicetest.RequireFile(t, "rsyslog-gnutls", "rsyslogd", "usr/lib/*/rsyslog/lmnsd_gtls.so")
			}
			w, port := certs.startInput(t, tc.network)
			d := servicetest.New(t)
			d.WriteFile("rs.conf", `global(workDirectory="$DIR" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off" DefaultNetstreamDriverCAFile="`+certs.ca+`" DefaultNetstreamDriverCertFile="`+certs.clientCert+`" DefaultNetstreamDriverKeyFile="`+certs.clientKey+`")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="$DIR/in" UseSpecialParser="off" ParseHostname="on" RateLimit.Interval="0")
:programname, isequal, "probe" action(type="omfwd" target="127.0.0.1" port="`+port+`" `+tc.action+")\n")
			d.Args, d.StopSignal = []string{"rsyslogd", "-n", "-f", "$DIR/rs.conf", "-i", "$DIR/pid"}, syscall.SIGTERM
			d.Ready = socketReady(d.Expand("$DIR/in"))
			d.Run()
			w.sendThrough(d.Expand("$DIR/in"), tc.structured)
		})
	}
}

func TestSyslogNG(t *testing.T) {
	servicetest.RequireCommands(t, "bsdutils", "logger")
	servicetest.RequireCommands(t, "syslog-ng-core", "syslog-ng")
	certs := issue(t)
	secure := `transport("tls") tls(ca-file("` + certs.ca + `") cert-file("` + certs.clientCert + `") key-file("` + certs.clientKey + `") peer-verify(required-trusted))`
	for name, tc := range map[string]struct {
		network, driver, transport string
		structured                 bool
	}{
		"syslog, udp":  {"udp", "syslog", `transport("udp")`, true},
		"syslog, tcp":  {"tcp", "syslog", `transport("tcp")`, true},
		"syslog, tls":  {"tls", "syslog", secure, true},
		"network, udp": {"udp", "network", `transport("udp")`, false},
		"network, tcp": {"tcp", "network", `transport("tcp")`, false},
		"network, tls": {"tls", "network", secure, false},
		"network, ISO": {"tcp", "network", `transport("tcp") ts-format(iso) frac-digits(6)`, false},
		"network 5424": {"tcp", "network", `transport("tcp") flags(syslog-protocol)`, true},
	} {
		t.Run(name, func(t *testing.T) {
			w, port := certs.startInput(t, tc.network)
			d := servicetest.New(t)
			d.WriteFile("ng.conf", `@version: 3.38
options { keep-hostname(yes); stats-freq(0); log-msg-size(65536); };
source s { unix-dgram("$DIR/in" flags(syslog-protocol, expect-hostname)); };
destination d { `+tc.driver+`("127.0.0.1" port(`+port+`) `+tc.transport+`); };
log { source(s); destination(d); };
`)
			d.Args = []string{"syslog-ng", "-F", "-f", "$DIR/ng.conf", "-p", "$DIR/pid", "-R", "$DIR/persist", "-c", "$DIR/ctl", "--no-caps"}
			d.Ready, d.StopSignal = socketReady(d.Expand("$DIR/in")), syscall.SIGTERM
			d.Run()
			w.sendThrough(d.Expand("$DIR/in"), tc.structured)
		})
	}
}

// The syslogd of busybox omits the host. It always listens on /dev/log, so it gets its own /dev.
func TestBusybox(t *testing.T) {
	servicetest.RequireCommands(t, "busybox", "busybox")
	servicetest.RequireCommands(t, "util-linux", "unshare")
	w, port := pemFiles{}.startInput(t, "udp")
	began := time.Now()
	script := `mount -t tmpfs none /dev && mknod /dev/null c 1 3 || exit 77
busybox syslogd -n -R 127.0.0.1:` + port + ` & daemon=$!
i=0; until [ -S /dev/log ] || [ $((i += 1)) -gt 1000 ]; do busybox usleep 10000; done
busybox logger -t probe -p local3.err 'grün 漢字' && busybox logger -t 'probe[4711]' -p auth.info 'with a pid: and a colon'
i=0; while [ $i -lt 20 ]; do busybox logger -t probe "line $i"; i=$((i + 1)); done
busybox usleep 100000; kill $daemon; wait`
	if out, err := exec.Command("unshare", "-m", "sh", "-c", script).CombinedOutput(); err != nil && len(w.sink.received()) == 0 {
		t.Skipf("cannot create a name space with its own /dev: %v, %s", err, out)
	}
	want := []string{"local3.error 127.0.0.1 probe[] : grün 漢字", "auth.info 127.0.0.1 probe[4711] : with a pid: and a colon"}
	for i := range 20 {
		want = append(want, fmt.Sprintf("user.notice 127.0.0.1 probe[] : line %d", i))
	}
	w.expectEvents(began, want...)
}

// TestOpenSSL uses s_client, with and without a certificate.
func TestOpenSSL(t *testing.T) {
	servicetest.RequireCommands(t, "openssl", "openssl")
	certs := issue(t)
	w, port := certs.startInput(t, "tls")
	began := time.Now()
	client := func(args ...string) {
		cmd := exec.Command("openssl", append([]string{"s_client", "-connect", "127.0.0.1:" + port, "-CAfile", certs.ca, "-verify_return_error", "-quiet", "-no_ign_eof"}, args...)...)
		cmd.Stdin = strings.NewReader("<11>" + began.Format(time.Stamp) + " h a[7]: line\n26 <11>1 - h a - - - counted\n<11>1 - h a - - - last")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Log(string(out)) // a refusal is one
		}
	}
	client()
	client("-cert", certs.clientCert, "-key", certs.clientKey)
	client("-cert", certs.clientCert, "-key", certs.clientKey, "-tls1_2")
	w.waitForCount("who has no certificate is refused", func(c *counts) int64 { return c.failedConnections.Load() }, 1)
	one := []string{"user.error h a[7] : line", "user.error h a[] : counted", "user.error h a[] : last"}
	w.expectEvents(began, slices.Concat(one, one)...)
}
