package syslogmsg

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// received is the time at which the messages of these tests arrive: 19:46:10 in Berlin, an hour earlier in UTC.
var received = time.Date(2026, 11, 5, 19, 46, 10, 0, berlin)

var berlin = time.FixedZone("CET", 3600)

func testSettings() Settings {
	return Settings{Standard: Auto, Separator: "_", Zone: berlin}
}

// formatEvent returns the parts of an event that are set, on one line.
func formatEvent(e *telemetry.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", e.Severity)
	for _, v := range []telemetry.Label{{Key: "host", Value: e.Host}, {Key: "app", Value: e.App}, {Key: "proc", Value: e.Proc}, {Key: "id", Value: e.MsgID}} {
		if v.Value != "" {
			fmt.Fprintf(&b, " %s=%s", v.Key, v.Value)
		}
	}
	if !e.Time.Equal(received) {
		fmt.Fprintf(&b, " at=%s", e.Time.In(berlin).Format("2006-01-02T15:04:05.999999"))
	}
	for _, f := range e.Fields {
		if f != telemetry.Int("facility", 1) {
			fmt.Fprintf(&b, " %s=%q", f.Key, f.Text())
		}
	}
	return b.String() + ": " + e.Message
}

// testMessage is a message and the event that it becomes, in the form of formatEvent.
type testMessage struct{ in, want string }

// rfc5424Messages returns messages of RFC 5424.
func rfc5424Messages() map[string]testMessage {
	return map[string]testMessage{
		"5424": {
			`<165>1 2026-11-05T22:14:15.003+04:00 mymachine.example.com evntslog 4711 ID47 [ex@32473 iut="3" eventID="1011"][x@1] ` + "\ufeffAn äpplication\n",
			`notice host=mymachine.example.com app=evntslog proc=4711 id=ID47 at=2026-11-05T19:14:15.003 facility="20" ex@32473_iut="3" ex@32473_eventID="1011" x@1="true": An äpplication`},
		"5424, nothing":             {"<13>1 - - - - - -", "notice: "},
		"5424, escapes":             {`<13>1 - h a - - [x k="a \"b\" \\ \] c=\"d\""] m`, `notice host=h app=a x_k="a \"b\" \\ ] c=\"d\"": m`},
		"5424, not UTF-8":           {"<13>1 - h a - - - gr\xfcn \x00\x1b[31m", "notice host=h app=a: gr\xfcn \x00\x1b[31m"},
		"5424, a mark, not UTF-8":   {"<13>1 - h a - - - \ufeffgr\xfcn\xc3", "notice host=h app=a: gr\xfcn\xc3"},
		"5424, backslashes":         {`<13>1 - h a - - [x y="C:\dir\"" z="\\q\]"][z k="\n"] m\d "\e`, `notice host=h app=a x_y="C:\\dir\"" x_z="\\q]" z_k="\\n": m\d "\e`},
		"5424, a backslash, broken": {`<13>1 - h a - - [x y="C:\dir] m`, `notice parse_error="expecting chars ` + "`]`, `\\\"`, and `\\\\`" + ` to be escaped within param value [col 29]": <13>1 - h a - - [x y="C:\dir] m`},
		"5424, lines":               {"<13>1 - h a - - - one\ntwo\n\n", "notice host=h app=a: one\ntwo"},
		"5424, repeated":            {`<13>1 - h a - - [origin ip="192.0.2.1" ip="192.0.2.129"] m`, `notice host=h app=a origin_ip="192.0.2.129" structured_data="[origin ip=\"192.0.2.1\" ip=\"192.0.2.129\"]": m`},
		"5424, bad time":            {"<13>1 yesterday h a - - - m", `notice parse_error="expecting a RFC3339MICRO timestamp or a nil value [col 6]": <13>1 yesterday h a - - - m`},
		"5424, 1970":                {"<13>1 1970-01-01T00:00:09Z h a - - - m", `notice host=h app=a sent_at="1970-01-01T00:00:09Z": m`},
		"5424, 2106":                {"<13>1 2106-02-07T06:28:15Z h a - - - m", `notice host=h app=a sent_at="2106-02-07T06:28:15Z": m`},
		"5424, util-linux":          {`<13>1 2026-11-05T19:46:03.320923+01:00 vm root - - [timeQuality tzKnown="1" isSynced="0"] hello world`, `notice host=vm app=root at=2026-11-05T19:46:03.320923 timeQuality_tzKnown="1" timeQuality_isSynced="0": hello world`},
	}
}

// rfc3164Messages returns messages of RFC 3164, also with other formats of times.
func rfc3164Messages() map[string]testMessage {
	return map[string]testMessage{
		"3164":                {"<34>Nov  5 19:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8", "critical host=mymachine app=su at=2026-11-05T19:14:15 facility=\"4\": 'su root' failed for lonvick on /dev/pts/8"},
		"3164, pid":           {"<13>Nov  5 19:14:15 vm sshd[4711]: Accepted publickey", "notice host=vm app=sshd proc=4711 at=2026-11-05T19:14:15: Accepted publickey"},
		"3164, one blank":     {"<13>Nov 5 19:14:15 vm sshd: x", "notice host=vm app=sshd at=2026-11-05T19:14:15: x"},
		"3164, day with zero": {"<13>Nov 05 19:14:15 vm sshd: x", "notice host=vm app=sshd at=2026-11-05T19:14:15: x"},
		"3164, a zone's name": {"<13>Nov  5 19:14:15 utc-1 sshd: x", "notice host=utc-1 app=sshd at=2026-11-05T19:14:15: x"},
		"3164, a loud name":   {"<13>Nov  5 19:14:15 UTC-1 sshd: x", "notice host=UTC-1 app=sshd at=2026-11-05T19:14:15: x"},
		"3164, a zone's too":  {"<13>Nov  5 19:14:15 est-1 sshd: x", "notice host=est-1 app=sshd at=2026-11-05T19:14:15: x"},
		"3164, fraction":      {"<13>Nov  5 19:14:15.123 vm sshd: x", "notice host=vm app=sshd at=2026-11-05T19:14:15.123: x"},
		"3164, leap day":      {"<13>Feb 29 12:00:00 vm sshd: x", "notice: Feb 29 12:00:00 vm sshd: x"},
		"3164, no such day":   {"<13>Nov 31 12:00:00 vm sshd: x", "notice: Nov 31 12:00:00 vm sshd: x"},
		"3164, leap second":   {"<13>Nov  5 19:14:60 vm sshd: x", "notice host=vm app=sshd at=2026-11-05T19:15:00: x"},
		"3164, address":       {"<13>Nov  5 19:14:15 2001:db8:: sshd: x", "notice host=2001:db8:: app=sshd at=2026-11-05T19:14:15: x"},
		"3164, path":          {"<22>Nov  5 19:14:15 mx postfix/smtpd[12]: connect from a[10.0.0.1]", `info host=mx app=postfix/smtpd proc=12 at=2026-11-05T19:14:15 facility="2": connect from a[10.0.0.1]`},
		"3164, no host":       {"<13>Nov  5 19:14:15 root: hello", "notice app=root at=2026-11-05T19:14:15: hello"},
		"3164, no host, pid":  {"<13>Nov  5 19:14:15 CRON[7]: hello", "notice app=CRON proc=7 at=2026-11-05T19:14:15: hello"},
		"3164, loud tag":      {"<13>Nov  5 19:14:15 CRON: hello", "notice app=CRON at=2026-11-05T19:14:15: hello"},
		"3164, no tag":        {"<13>Nov  5 19:14:15 vm last message repeated 3 times", "notice host=vm at=2026-11-05T19:14:15: last message repeated 3 times"},
		"3164, no time":       {"<13>root[12]: hello: world", "notice app=root proc=12: hello: world"},
		"3164, text only":     {"<30>system,info,account user admin logged in", `info facility="3": system,info,account user admin logged in`},
		"3164, URL":           {"<13>http://example.com is away", "notice: http://example.com is away"},
		"3164, brackets":      {"<4>Nov  5 19:14:15 gw [LAN_IN-2000-A] DESCR=\"x\" IN=br0", `warning host=gw at=2026-11-05T19:14:15 facility="0": [LAN_IN-2000-A] DESCR="x" IN=br0`},
		"3164, launchd":       {"<13>Nov  5 19:14:15 mac com.apple.xpc.launchd[1] (com.apple.x): Service exited", "notice host=mac app=com.apple.xpc.launchd proc=1 at=2026-11-05T19:14:15: (com.apple.x): Service exited"},
		"3164, kernel":        {"<6>Nov  5 19:14:15 vm kernel:[   12.5] eth0: link up", `info host=vm app=kernel at=2026-11-05T19:14:15 facility="0": [   12.5] eth0: link up`},
		"3164, C++":           {"<13>Nov  5 19:14:15 vm DBI::connect failed", "notice host=vm at=2026-11-05T19:14:15: DBI::connect failed"},
		"3164, tag alone":     {"<13>Nov  5 19:14:15 vm cron:", "notice host=vm app=cron at=2026-11-05T19:14:15: "},
		"3164, open bracket":  {"<13>Nov  5 19:14:15 vm cron[12 x", "notice host=vm at=2026-11-05T19:14:15: cron[12 x"},
		"3164, future":        {"<13>Nov  7 19:14:15 vm cron: x", `notice host=vm app=cron sent_at="2026-11-07T19:14:15+01:00": x`},
		"rsyslog":             {"<13>2026-11-05T19:14:15.123456+02:00 vm su[1]: x", "notice host=vm app=su proc=1 at=2026-11-05T18:14:15.123456: x"},
		"ISO, UTC":            {"<13>2026-11-05T18:14:15Z vm su: x", "notice host=vm app=su at=2026-11-05T19:14:15: x"},
		"ISO, west":           {"<13>2026-11-05T14:14:15-0400 vm su: x", "notice host=vm app=su at=2026-11-05T19:14:15: x"},
		"ISO, no zone":        {"<13>2026-11-05 19:14:15,5 vm su: x", "notice host=vm app=su at=2026-11-05T19:14:15.5: x"},
		"ISO, glued":          {"<13>2026-11-05T19:14:15x vm su: x", "notice: 2026-11-05T19:14:15x vm su: x"},
	}
}

// deviceMessages returns messages of programs and devices that vary RFC 3164.
func deviceMessages() map[string]testMessage {
	return map[string]testMessage{
		"Docker":               {"<30>Nov  5 19:14:15 box docker/web/9a6ef0a4[812]: GET / 200", `info host=box app=docker/web/9a6ef0a4 proc=812 at=2026-11-05T19:14:15 facility="3": GET / 200`},
		"Synology, files":      {"<14>Nov  5 19:14:15 NAS WinFileService Event: read, Path: /x, User: a", "info host=NAS app=WinFileService at=2026-11-05T19:14:15: Event: read, Path: /x, User: a"},
		"Synology, system":     {"<14>Nov  5 19:14:15 NAS System SYSTEM:\tLocal UPS was plugged in", "info host=NAS app=System at=2026-11-05T19:14:15: SYSTEM:\tLocal UPS was plugged in"},
		"Synology, connection": {"<14>Nov  5 19:14:15 NAS Connection: User [a] logged in", "info host=NAS app=Connection at=2026-11-05T19:14:15: User [a] logged in"},
		"Ubiquiti, quoted":     {`<30>Nov  5 19:14:15 ("U7PG2,788a20123456,v3.9.19.8123") hostapd: ath0: STA`, `info app=hostapd at=2026-11-05T19:14:15 facility="3" device="U7PG2,788a20123456,v3.9.19.8123": ath0: STA`},
		"Ubiquiti, no host":    {`<30>Nov  5 19:14:15 U7LR,f09fc2aabbcc,v4.0.42: hostapd: ath0: STA`, `info app=hostapd at=2026-11-05T19:14:15 facility="3" device="U7LR,f09fc2aabbcc,v4.0.42": ath0: STA`},
		"Ubiquiti, host":       {`<30>Nov  5 19:14:15 Attic f09fc2aabbcc,U7-LR-6.5.28+14491: hostapd[7]: ath0: STA`, `info host=Attic app=hostapd proc=7 at=2026-11-05T19:14:15 facility="3" device="f09fc2aabbcc,U7-LR-6.5.28+14491": ath0: STA`},
		"CEF":                  {`<14>Nov  5 19:14:15 gw CEF:0|Ubiquiti|UniFi Network|9.0|400|WiFi Client Connected|1|msg=x`, "info host=gw at=2026-11-05T19:14:15: CEF:0|Ubiquiti|UniFi Network|9.0|400|WiFi Client Connected|1|msg=x"},
		"CEF, priority":        {`<134>Nov  5 19:14:15 UDM CEF:0|Ubiquiti|UniFi Network|9.3.33|400|WiFi Client Connected|2|msg=a\|b`, `info host=UDM at=2026-11-05T19:14:15 facility="16": CEF:0|Ubiquiti|UniFi Network|9.3.33|400|WiFi Client Connected|2|msg=a\|b`},
		"Ubiquiti, old":        {`<4>Nov  5 19:14:15 fcecda13e5c7,UAP-AC-LR-5.43.38+12731: hostapd: x`, `warning app=hostapd at=2026-11-05T19:14:15 facility="0" device="fcecda13e5c7,UAP-AC-LR-5.43.38+12731": x`},
		"Ubiquiti, new":        {`<14>Nov  5 19:14:15 AP-3AU7ProXG aabbccddeeff,U7-Pro-XG-8.6.11+18870: hostapd[6885]: wifi0ap1: STA`, `info host=AP-3AU7ProXG app=hostapd proc=6885 at=2026-11-05T19:14:15 device="aabbccddeeff,U7-Pro-XG-8.6.11+18870": wifi0ap1: STA`},
		"Ubiquiti, UDM":        {`<4>Nov  5 19:14:15 UDMP [WAN_LAN-D-10001] DESCR="x" IN=eth8`, `warning host=UDMP at=2026-11-05T19:14:15 facility="0": [WAN_LAN-D-10001] DESCR="x" IN=eth8`},
		"Ubiquiti, USG":        {`<4>Nov  5 19:14:15 usg kernel: [LAN_IN-2000-A]IN=eth1 OUT=eth0`, `warning host=usg app=kernel at=2026-11-05T19:14:15 facility="0": [LAN_IN-2000-A]IN=eth1 OUT=eth0`},
		"Synology, IETF":       {"<14>1 2026-11-05T19:14:15+01:00 NAS Connection 23011 - - \ufeffUser [a] from [10.0.0.2] signed in", "info host=NAS app=Connection proc=23011 at=2026-11-05T19:14:15: User [a] from [10.0.0.2] signed in"},
		"Docker, local":        {"<27>Nov  5 19:14:15 9a6ef0a4c111[812]: GET / 200", `error app=9a6ef0a4c111 proc=812 at=2026-11-05T19:14:15 facility="3": GET / 200`},
		"Docker, 5424":         {"<30>1 2026-11-05T19:14:15+01:00 box 9a6ef0a4c111 812 9a6ef0a4c111 - GET / 200", `info host=box app=9a6ef0a4c111 proc=812 id=9a6ef0a4c111 at=2026-11-05T19:14:15 facility="3": GET / 200`},
		"Docker, micro":        {"<30>1 2026-11-05T19:14:15.616647+01:00 box web 812 web - GET / 200", `info host=box app=web proc=812 id=web at=2026-11-05T19:14:15.616647 facility="3": GET / 200`},
		"Docker, swarm":        {"<30>1 2026-11-05T19:14:15+01:00 box shop_frontend-with-a-name-that-is-long.1.k5mbp7l8 812 shop_frontend-with-a-name-that-is-long.1.k5mbp7l8 - GET", `info host=box app=shop_frontend-with-a-name-that-is-long.1.k5mbp7l8 proc=812 id=shop_frontend-with-a-name-that-is-long.1.k5mbp7l8 at=2026-11-05T19:14:15 facility="3": GET`},
		"busybox":              {"<13>Nov  5 19:14:15 root: hello", "notice app=root at=2026-11-05T19:14:15: hello"},
		"MikroTik, BSD":        {"<30>Nov  5 19:14:15 MikroTik user abc logged in from 192.168.88.1 via api", `info host=MikroTik at=2026-11-05T19:14:15 facility="3": user abc logged in from 192.168.88.1 via api`},
		"MikroTik, firewall":   {"<30>Nov  5 19:14:15 MikroTik drop !LAN input: in:pppoe out:(unknown 0), proto TCP", `info host=MikroTik at=2026-11-05T19:14:15 facility="3": drop !LAN input: in:pppoe out:(unknown 0), proto TCP`},
		"MikroTik, bare":       {"<30>firewall,info input: in:ether1 out:(unknown 0)", `info facility="3": firewall,info input: in:ether1 out:(unknown 0)`},
		"OpenWrt":              {"<30>Nov  5 19:14:15 OpenWrt dnsmasq-dhcp[1]: DHCPACK(br-lan)", `info host=OpenWrt app=dnsmasq-dhcp proc=1 at=2026-11-05T19:14:15 facility="3": DHCPACK(br-lan)`},
		"OpenWrt, kernel":      {"<6>Nov  5 19:14:15 OpenWrt kernel: [   12.5] br-lan: port 1", `info host=OpenWrt app=kernel at=2026-11-05T19:14:15 facility="0": [   12.5] br-lan: port 1`},
		"OpenWrt, uptime":      {"<30>Nov  5 19:14:15 [1762370055.123] OpenWrt netifd: wan", `info at=2026-11-05T19:14:15 facility="3": [1762370055.123] OpenWrt netifd: wan`},
		"FreeBSD":              {"<13>1 2026-11-05T19:14:15.245714+01:00 fb.example root 1819 - - this is a test", "notice host=fb.example app=root proc=1819 at=2026-11-05T19:14:15.245714: this is a test"},
		"FreeBSD, passed on":   {"<13>Nov  5 19:14:15 Forwarded from fb1: root: hello", "notice host=fb1 app=root at=2026-11-05T19:14:15: hello"},
		"AIX, passed on":       {"<13>Nov  5 19:14:15 Message forwarded from aix1: root[7]: hello", "notice host=aix1 app=root proc=7 at=2026-11-05T19:14:15: hello"},
		"not passed on":        {"<13>Nov  5 19:14:15 Forwarded from here to there: x", "notice host=Forwarded at=2026-11-05T19:14:15: from here to there: x"},
		"OPNsense":             {"<134>1 2026-11-05T19:14:15+01:00 fw.example filterlog 34 - [meta sequenceId=\"5\"] 5,,,0,vtnet0,match", `info host=fw.example app=filterlog proc=34 at=2026-11-05T19:14:15 facility="16" meta_sequenceId="5": 5,,,0,vtnet0,match`},
		"macOS":                {"<13>2026-11-05 19:14:15.123456+0100 localhost kernel[0]: (AppleACPI) x", "notice host=localhost app=kernel proc=0 at=2026-11-05T19:14:15.123456: (AppleACPI) x"},
		"macOS, repeated":      {"<13>Nov  5 19:14:15 mac --- last message repeated 1 time ---", "notice host=mac at=2026-11-05T19:14:15: --- last message repeated 1 time ---"},
		"ESXi":                 {"<167>2026-11-05T18:14:15.316Z esxi1 Rhttpproxy: verbose rhttpproxy[2475368] [Originator@6876 sub=Proxy] x", `debug host=esxi1 app=Rhttpproxy at=2026-11-05T19:14:15.316 facility="20": verbose rhttpproxy[2475368] [Originator@6876 sub=Proxy] x`},
	}
}

// ciscoMessages returns messages of Cisco devices.
func ciscoMessages() map[string]testMessage {
	return map[string]testMessage{
		"IOS":                {"<189>237: *Nov  5 19:14:15.295: %SYS-5-CONFIG_I: Configured from console", `notice app=SYS id=SYS-5-CONFIG_I at=2026-11-05T19:14:15.295 facility="23" counter="237": Configured from console`},
		"IOS, all":           {"<189>237: 000485: router1: .Nov  5 19:14:15.295 CET: %LINK-3-UPDOWN: Interface down", `notice host=router1 app=LINK id=LINK-3-UPDOWN at=2026-11-05T19:14:15.295 facility="23" counter="237:000485": Interface down`},
		"IOS, no counter":    {"<189>: *Nov  5 18:14:15 UTC: %SYS-5-RESTART: System restarted --", `notice app=SYS id=SYS-5-RESTART at=2026-11-05T19:14:15 facility="23": System restarted --`},
		"IOS, uptime":        {"<189>19: 3w2d: %SYS-5-CONFIG_I: x", `notice app=SYS id=SYS-5-CONFIG_I facility="23" counter="19" uptime="3w2d": x`},
		"IOS, ASR":           {"<165>7433: ASR920: 007439: 2y10w: %SEC_LOGIN-5-LOGIN_SUCCESS: x", `notice host=ASR920 app=SEC_LOGIN id=SEC_LOGIN-5-LOGIN_SUCCESS facility="20" counter="7433:007439" uptime="2y10w": x`},
		"IOS, just up":       {"<187>00:00:46: %LINK-3-UPDOWN: x", `error app=LINK id=LINK-3-UPDOWN facility="23" uptime="00:00:46": x`},
		"IOS, year":          {"<179>14725922: 16821623: Nov  5 2026 19:14:15.295 EDT: %IOSXE-3-PLATFORM: R0/0: x", `error app=IOSXE id=IOSXE-3-PLATFORM at=2026-11-06T00:14:15.295 facility="22" counter="14725922:16821623": R0/0: x`},
		"IOS, own zone":      {"<188>179767: sw1: Nov  5 19:14:15.295 NewYork: %SW_MATM-4-MACFLAP_NOTIF: Host", `warning host=sw1 app=SW_MATM id=SW_MATM-4-MACFLAP_NOTIF at=2026-11-05T19:14:15.295 facility="23" counter="179767": Host`},
		"IOS, small zone":    {"<190>3352436: 3352457: Nov  5 2026 19:14:15.5 mdt: %IOSXE-6-PLATFORM: x", `info app=IOSXE id=IOSXE-6-PLATFORM at=2026-11-06T02:14:15.5 facility="23" counter="3352436:3352457": x`},
		"IOS, long zone":     {"<190>1: sw1: Nov  5 2026 19:14:15 METDST: %FOO-6-BAR: x", `info host=sw1 app=FOO id=FOO-6-BAR at=2026-11-05T18:14:15 facility="23" counter="1": x`},
		"IOS, offset":        {"<189>387448: sw1: Nov 5 20:14:15.123 UTC+2: %DOT1X-5-FAIL: x", `notice host=sw1 app=DOT1X id=DOT1X-5-FAIL at=2026-11-05T19:14:15.123 facility="23" counter="387448": x`},
		"IOS, odd offset":    {"<189>387448: sw1: Nov 6 01:44:15 UTC+07:30: %DOT1X-5-FAIL: x", `notice host=sw1 app=DOT1X id=DOT1X-5-FAIL at=2026-11-05T19:14:15 facility="23" counter="387448": x`},
		"IOS, two parts":     {"<166>1: %PIM-SW1-6-INVALID_RP_JOIN: x", `info app=PIM-SW1 id=PIM-SW1-6-INVALID_RP_JOIN facility="20" counter="1": x`},
		"IOS, IPv6":          {"<190>3132783: 2001:db8::: 3132779: Nov  5 2026 18:14:15.398 UTC: %FOO-6-BAR: x", `info host=2001:db8:: app=FOO id=FOO-6-BAR at=2026-11-05T19:14:15.398 facility="23" counter="3132783:3132779": x`},
		"IOS, no colon":      {"<190>3132517: 192.0.2.1 3132513: Nov  5 2026 18:14:15 UTC: %FOO-6-BAR: x", `info host=192.0.2.1 app=FOO id=FOO-6-BAR at=2026-11-05T19:14:15 facility="23" counter="3132517:3132513": x`},
		"IOS, BSD":           {"<189>Nov 5 19:14:15 192.0.2.1 %ILPOWER-5-IEEE_DISCONNECT: x", `notice host=192.0.2.1 app=ILPOWER id=ILPOWER-5-IEEE_DISCONNECT at=2026-11-05T19:14:15 facility="23": x`},
		"IOS, ISO":           {"<189>2026-11-05T13:14:15.208321-05:00 sw1 %LINEPROTO-5-UPDOWN: x", `notice host=sw1 app=LINEPROTO id=LINEPROTO-5-UPDOWN at=2026-11-05T19:14:15.208321 facility="23": x`},
		"IOS, relayed":       {"<190>Nov  5 19:14:16 192.0.2.1 sw1: 3132779: Nov  5 2026 18:14:15.398 UTC: %FOO-6-BAR: x", `info host=sw1 app=FOO id=FOO-6-BAR at=2026-11-05T19:14:15.398 facility="23" counter="3132779" relay="192.0.2.1": x`},
		"IOS, text":          {"<191>2637085: sw1: Nov  5 19:14:15.461 CET: NTP Core (NOTICE): Clock synchronization lost.", `debug host=sw1 at=2026-11-05T19:14:15.461 facility="23" counter="2637085": NTP Core (NOTICE): Clock synchronization lost.`},
		"IOS, repeated":      {"<191>: sw1: Nov  5 19:14:15.461 CET: last message repeated 66 times", `debug host=sw1 at=2026-11-05T19:14:15.461 facility="23": last message repeated 66 times`},
		"small switches":     {"<189>%IPADTBL-N-IPDUPLICATE: Duplicate", `notice app=IPADTBL id=IPADTBL-N-IPDUPLICATE facility="23": Duplicate`},
		"IOS XR":             {"<149>12345678: edge1 RP/0/RSP1/CPU0:Nov  5 18:14:15.941 UTC: bgp[1051]: %ROUTING-BGP-5-MAXPFX : No. of", `notice host=edge1 app=bgp proc=1051 id=ROUTING-BGP-5-MAXPFX at=2026-11-05T19:14:15.941 facility="18" counter="12345678" node="RP/0/RSP1/CPU0": No. of`},
		"IOS XR, year":       {"<149>5007736: r1 RP/0/RSP1/CPU0:2026 Nov  5 19:14:15.971 MST: SSHD_[65651]: %SECURITY-SSHD-6-INFO_SUCCESS : x", `notice host=r1 app=SSHD_ proc=65651 id=SECURITY-SSHD-6-INFO_SUCCESS at=2026-11-06T03:14:15.971 facility="18" counter="5007736" node="RP/0/RSP1/CPU0": x`},
		"IOS XR, no name":    {"<149>5007736: RP/0/RSP1/CPU0:Nov  5 19:14:15.971 : SSHD_[65651]: %SECURITY-SSHD-6-INFO_SUCCESS : x", `notice app=SSHD_ proc=65651 id=SECURITY-SSHD-6-INFO_SUCCESS at=2026-11-05T19:14:15.971 facility="18" counter="5007736" node="RP/0/RSP1/CPU0": x`},
		"IOS XR, BSD":        {"<190>Nov 5 19:14:16 r1 LC/0/0/CPU0:Nov 5 18:14:15.041 UTC: nfsvr[244]: %MGBL-NETFLOW-6-INFO : x", `info host=r1 app=nfsvr proc=244 id=MGBL-NETFLOW-6-INFO at=2026-11-05T19:14:15.041 facility="23" node="LC/0/0/CPU0": x`},
		"NX-OS, name":        {"<189>sw1: 2026 Nov  5 18:14:15 UTC: %ETHPORT-5-SPEED: x", `notice host=sw1 app=ETHPORT id=ETHPORT-5-SPEED at=2026-11-05T19:14:15 facility="23": x`},
		"NX-OS, BSD":         {"<185>Nov  5 19:14:16 192.0.2.1 : 2026 Nov  5 18:14:15.206 UTC: %EARL-SW2_DFC1-1-EXCESSIVE_PARITY_ERROR: x", `alert host=192.0.2.1 app=EARL-SW2_DFC1 id=EARL-SW2_DFC1-1-EXCESSIVE_PARITY_ERROR at=2026-11-05T19:14:15.206 facility="23": x`},
		"NX-OS, no colon":    {"<187>Nov  5 19:14:16 sw1 2026 Nov  5 19:14:15.928 AEST: %AUTHPRIV-3-SYSTEM_MSG: x", `error host=sw1 app=AUTHPRIV id=AUTHPRIV-3-SYSTEM_MSG at=2026-11-05T10:14:15.928 facility="23": x`},
		"NX-OS, zone":        {"<187>Nov  5 19:14:15 sw1 AEST: %SFF8472-3-THRESHOLD_VIOLATION: Te2/0/17: x", `error host=sw1 app=SFF8472 id=SFF8472-3-THRESHOLD_VIOLATION at=2026-11-05T19:14:15 facility="23": Te2/0/17: x`},
		"NX-OS, repeated":    {"<187>: 2026 Nov  5 18:14:15 UTC: last message repeated 1 times", `error at=2026-11-05T19:14:15 facility="23": last message repeated 1 times`},
		"ASA, EMBLEM":        {"<166>2026-11-05T18:14:15Z fw1 : %ASA-6-302013: Built", `info host=fw1 app=ASA id=ASA-6-302013 at=2026-11-05T19:14:15 facility="20": Built`},
		"ASA, letters":       {"<166>Nov 05 2026 19:14:15 fw: %ASA-6-302013: Built", `info host=fw app=ASA id=ASA-6-302013 at=2026-11-05T19:14:15 facility="20": Built`},
		"IOS, name last":     {"<190>5: Nov  5 2026 19:14:15 longername: %FOO-6-BAR: x", `info host=longername app=FOO id=FOO-6-BAR at=2026-11-05T19:14:15 facility="23" counter="5": x`},
		"a percentage, loud": {"<13>Nov  5 19:14:15 vm df: 95%DISK-5-FULL: x", "notice host=vm app=df at=2026-11-05T19:14:15: 95%DISK-5-FULL: x"},
		"no host is so long": {"<13>: " + strings.Repeat("x", 300) + " Nov  5 19:14:15: text", "notice: : " + strings.Repeat("x", 300) + " Nov  5 19:14:15: text"},
		"ASA, relayed":       {"<164>Nov  5 2026 19:14:15 localhost CiscoASA[999]: %ASA-4-106023: Deny", `warning host=localhost app=CiscoASA proc=999 id=ASA-4-106023 at=2026-11-05T19:14:15 facility="20": Deny`},
		"FTD":                {"<113>Nov  5 18:14:15 ftd1 SFIMS : %FTD-1-430005: SrcIP: 192.0.2.1", `alert host=SFIMS app=FTD id=FTD-1-430005 at=2026-11-05T18:14:15 facility="14" relay="ftd1": SrcIP: 192.0.2.1`},
		"too many names":     {"<189>Nov  5 19:14:15 a b c %FOO-6-BAR: x", `notice host=a at=2026-11-05T19:14:15 facility="23": b c %FOO-6-BAR: x`},
		"NX-OS":              {"<189>: 2026 Nov  5 19:14:15 CET: %ETHPORT-5-IF_UP: Interface up", `notice app=ETHPORT id=ETHPORT-5-IF_UP at=2026-11-05T19:14:15 facility="23": Interface up`},
		"ASA":                {"<166>Nov 05 2026 19:14:15: %ASA-6-302013: Built inbound", `info app=ASA id=ASA-6-302013 at=2026-11-05T19:14:15 facility="20": Built inbound`},
		"ASA, host":          {"<166>Nov 05 2026 19:14:15 fw1 : %ASA-6-302013: Built inbound", `info host=fw1 app=ASA id=ASA-6-302013 at=2026-11-05T19:14:15 facility="20": Built inbound`},
		"ASA, bare":          {"<166>%ASA-6-302013: Built", `info app=ASA id=ASA-6-302013 facility="20": Built`},
		"ASA, session":       {"<166>:Nov 05 18:14:15 UTC: %ASA-session-6-302013: Built", `info app=ASA-session id=ASA-session-6-302013 at=2026-11-05T19:14:15 facility="20": Built`},
		"a percentage":       {"<13>Nov  5 19:14:15 vm df: 95% of-x-5-y: full", "notice host=vm app=df at=2026-11-05T19:14:15: 95% of-x-5-y: full"},
		"a relay":            {"<189>Nov  5 19:14:15 relay 237: *Nov  5 19:14:15: %SYS-5-X: y", `notice host=relay app=SYS id=SYS-5-X at=2026-11-05T19:14:15 facility="23" counter="237": y`},
	}
}

// invalidPriorities returns messages with an invalid priority.
func invalidPriorities() map[string]testMessage {
	return map[string]testMessage{
		"none":     {"hello", `notice parse_error="no priority such as <13> at the beginning": hello`},
		"empty":    {"", `notice parse_error="no priority such as <13> at the beginning": `},
		"999":      {"<999>1 - - - - - - x", `notice parse_error="no priority such as <13> at the beginning": <999>1 - - - - - - x`},
		"192":      {"<192>x", `notice parse_error="no priority such as <13> at the beginning": <192>x`},
		"191":      {"<191>x", `debug facility="23": x`},
		"negative": {"<-1>x", `notice parse_error="no priority such as <13> at the beginning": <-1>x`},
		"open":     {"<13", `notice parse_error="no priority such as <13> at the beginning": <13`},
		"no digit": {"<>x", `notice parse_error="no priority such as <13> at the beginning": <>x`},
	}
}

func TestParse(t *testing.T) {
	for _, messages := range []map[string]testMessage{rfc5424Messages(), rfc3164Messages(), deviceMessages(), ciscoMessages(), invalidPriorities()} {
		for name, tc := range messages {
			t.Run(name, func(t *testing.T) {
				var e telemetry.Event
				_, err := New(testSettings()).Parse([]byte(tc.in), received, &e)
				if got := formatEvent(&e); got != tc.want {
					t.Errorf("%s\n got %s\nwant %s", tc.in, got, tc.want)
				}
				if (err != nil) != strings.Contains(tc.want, "parse_error") {
					t.Error(err)
				}
			})
		}
	}
}

func TestStandards(t *testing.T) {
	parse := func(s Standard, text string) string {
		set := testSettings()
		set.Standard, set.Separator = s, "."
		var e telemetry.Event
		_, _ = New(set).Parse([]byte(text), received, &e)
		return formatEvent(&e)
	}
	for in, want := range map[string]map[Standard]string{
		`<13>1 - h a - - [x k="v"] m`: {Auto: `notice host=h app=a x.k="v": m`, RFC3164: `notice: 1 - h a - - [x k="v"] m`},
		"<13>Nov  5 19:46:10 h a: m":  {Auto: "notice host=h app=a: m", RFC5424: `notice parse_error="expecting a version value in the range 1-999 [col 4]": <13>Nov  5 19:46:10 h a: m`},
	} {
		for s, want := range want {
			if got := parse(s, in); got != want {
				t.Errorf("%s\n got %s\nwant %s", s, got, want)
			}
		}
	}
}

// The valid parts of a message are used, and nothing of it is lost.
func TestBestEffort(t *testing.T) {
	set := testSettings()
	set.BestEffort = true
	var e telemetry.Event
	_, err := New(set).Parse([]byte(`<11>1 2026-11-05T19:14:15+01:00 h a - - [broken m`), received, &e)
	if err == nil || e.Host != "h" || e.App != "a" || e.Severity != telemetry.Error || e.Message != `<11>1 2026-11-05T19:14:15+01:00 h a - - [broken m` || e.Time.Equal(received) {
		t.Errorf("%v: %s", err, formatEvent(&e))
	}
}

func TestZoneIsGuessed(t *testing.T) {
	p := New(Settings{Standard: Auto})
	p.local = berlin
	for in, want := range map[string]string{
		"19:46:08": "19:46:08", // ours
		"18:46:08": "19:46:08", // UTC
		"13:46:12": "19:46:12", // New York, a little ahead
		"00:31:08": "19:46:08", // Nepal, yesterday's date: see below
		"18:46:00": "18:46:00", // an hour and ten seconds late
		"04:30:00": "04:30:00",
	} {
		day := " 5 "
		if in == "00:31:08" {
			day = " 6 "
		}
		var e telemetry.Event
		_, _ = p.Parse([]byte("<13>Nov "+day+in+" h a: m"), received, &e)
		if got := e.Time.In(berlin).Format("15:04:05"); got != want || e.Time.In(berlin).Day() != 5 {
			t.Errorf("%s was read as %s of the %d., want %s", in, got, e.Time.Day(), want)
		}
	}
	var e telemetry.Event
	_, _ = New(Settings{Standard: Auto, Zone: time.UTC}).Parse([]byte("<13>Nov  5 19:46:08 h a: m"), received, &e)
	if got := e.Time.UTC().Format("15:04:05"); got != "19:46:08" {
		t.Errorf("the configured zone was not used: %s", got)
	}
}

func TestYearIsTheNearest(t *testing.T) {
	for in, want := range map[string]string{
		"2026-01-01T00:00:10 Dec 31 23:59:58": "2025-12-31T23:59:58",
		"2026-12-31T23:59:58 Jan  1 00:00:10": "2027-01-01T00:00:10",
		"2028-03-01T00:00:00 Feb 29 12:00:00": "2028-02-29T12:00:00",
		"2029-01-10T00:00:00 Feb 29 12:00:00": "2028-02-29T12:00:00",
		"2026-06-15T00:00:00 Jun 14 00:00:00": "2026-06-14T00:00:00",
	} {
		at, stamp, _ := strings.Cut(in, " ")
		now, err := time.ParseInLocation("2006-01-02T15:04:05", at, berlin)
		if err != nil {
			t.Fatal(err)
		}
		var e telemetry.Event
		_, _ = New(testSettings()).Parse([]byte("<13>"+stamp+" h a: m"), now, &e)
		if got := e.Time.In(berlin).Format("2006-01-02T15:04:05"); got != want {
			t.Errorf("%s at %s was read as %s, want %s", stamp, at, got, want)
		}
	}
}

// Nothing of a message appears in the next one.
func TestParserKeepsNothing(t *testing.T) {
	p := New(testSettings())
	full := `<165>1 2026-11-05T22:14:15.003+04:00 m e 4711 ID47 [ex@32473 iut="3"] text`
	for range 2 {
		var first, bare telemetry.Event
		_, _ = p.Parse([]byte(full), received, &first)
		_, _ = p.Parse([]byte("<13>1 - - - - - -"), received, &bare)
		if got := formatEvent(&bare); got != "notice: " {
			t.Error(got)
		}
		if diff := cmp.Diff("text", first.Message); diff != "" {
			t.Error(diff)
		}
	}
}
