package procclass

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/cgroup"
	"github.com/rtcollector/rtcollector/internal/match"
)

func load(tb testing.TB, c Config) *Rules {
	tb.Helper()
	r, err := c.Load()
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// loadText returns the rules of a user's file.
func loadText(tb testing.TB, mode Mode, text string) (*Rules, error) {
	tb.Helper()
	c := DefaultConfig()
	c.File, c.Mode = writeTable(tb, text), mode
	return c.Load()
}

func writeTable(tb testing.TB, text string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "classes.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

func program(path string, args ...string) Subject {
	name := filepath.Base(path)
	return Subject{Comm: name[:min(len(name), maxComm)], Exe: path, Argv: append([]string{path}, args...)}
}

func java(args ...string) Subject { return program("/usr/lib/jvm/bin/java", args...) }

// TestBuiltin: what the table that is built in says about usual processes.
func TestBuiltin(t *testing.T) {
	rules := load(t, DefaultConfig())
	groups, classes := map[string]bool{}, map[Class]bool{}
	for _, r := range rules.All() {
		groups[r.Group], classes[r.Class] = true, true
	}
	if len(groups) < 17 || len(classes) < 140 {
		t.Errorf("%d groups and %d subgroups", len(groups), len(classes))
	}
	long := program("/usr/bin/clickhouse-server")
	unreadable := Subject{Comm: "clickhouse-serv"}
	for _, word := range strings.Fields("server main app index run start worker api bot cli manage test build agent proxy client monitor backup sync update watch report stats log " +
		"config auth controller job script host file time date install deploy setup check clean cleanup convert parse fetch download upload web db data daemon service loop job cron") {
		s := program("/usr/bin/python3.11", word+".py")
		if got := rules.Classify(&s).String(); got != "runtime/python" {
			t.Errorf("a script called %s is %s", word, got)
		}
	}
	for _, tc := range []struct {
		s    Subject
		want string
	}{
		{program("/usr/lib/postgresql/15/bin/postgres", "-D", "/var/lib/postgresql"), "db/postgres"},
		{Subject{Comm: "postgres", Argv: []string{"postgres: checkpointer "}}, "db/postgres"},
		{Subject{Comm: "other", Argv: []string{"postgres: autovacuum launcher"}}, "db/postgres"},
		{long, "db/clickhouse"}, {unreadable, "db/clickhouse"},
		{program("/usr/bin/blackbox_exporter"), "monitoring/exporter"},
		{program("/usr/bin/prometheus-node-exporter"), "monitoring/node_exporter"},
		{program("/usr/bin/redis-server"), "cache/redis"}, {program("/usr/bin/valkey-server"), "cache/valkey"},
		{program("/usr/bin/memcached"), "cache/memcached"}, {program("/usr/bin/dragonfly"), "cache/dragonfly"},
		{program("/usr/sbin/auditd"), "system/audit"}, {program("/opt/tivoli/dsmcad"), "backup/tsm"},
		{Subject{Comm: "nginx", Exe: "/usr/sbin/nginx (deleted)", Argv: []string{"nginx: worker process"}}, "web/nginx"},
		{Subject{Comm: "renamed", Exe: "/usr/sbin/nginx (deleted)"}, "web/nginx"},
		{program("/usr/sbin/php-fpm8.2"), "web/php_fpm"}, {program("/usr/bin/caddy"), "web/caddy"}, {program("/usr/bin/traefik"), "proxy/traefik"},

		{java("-Xmx1g", "kafka.Kafka", "server.properties"), "messaging/kafka"},
		{java("-cp", "x", "org.apache.cassandra.service.CassandraDaemon"), "db/cassandra"},
		{java("-cp", "x", "org.elasticsearch.bootstrap.Elasticsearch"), "search/elasticsearch"},
		{java("-cp", "x", "org.apache.catalina.startup.Bootstrap", "start"), "web/tomcat"},
		{java("-jar", "/usr/share/java/jenkins.war"), "cicd/jenkins"},
		{java("-jar", "/opt/own.jar"), "runtime/java"},
		{program("/usr/lib/erlang/erts/bin/beam.smp", "-s", "rabbit", "boot"), "messaging/rabbitmq"},
		{program("/opt/couchdb/erts/bin/beam.smp", "-couch_ini", "x"), "db/couchdb"},
		{program("/usr/lib/erlang/erts/bin/beam.smp", "-s", "ejabberd"), "messaging/ejabberd"},
		{program("/usr/lib/erlang/erts/bin/beam.smp", "-s", "own"), "runtime/erlang"},

		{Subject{Comm: "certbot", Exe: "/usr/bin/python3.11", Argv: []string{"/usr/bin/python3", "/usr/bin/certbot", "renew"}}, "security/acme"},
		{Subject{Comm: "python3", Exe: "/usr/bin/python3.11", Argv: []string{"python3", "-u", "/usr/bin/certbot", "renew"}}, "security/acme"},
		{Subject{Comm: "unattended-upgr", Exe: "/usr/bin/python3.11", Argv: []string{"/usr/bin/python3", "/usr/share/x/unattended-upgrade-shutdown", "--wait"}}, "system/packages"},
		{program("/usr/bin/python3.11", "-m", "homeassistant"), "home/homeassistant"},
		{program("/usr/bin/python3.11", "own.py"), "runtime/python"},
		{program("/usr/bin/node", "/opt/zigbee2mqtt/index.js"), "home/zigbee2mqtt"},
		{Subject{Comm: "MainThread", Argv: []string{"node", "server.js"}}, "runtime/nodejs"},
		{program("/usr/bin/node", "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js"), "ai/claude"},
		{program("/usr/bin/python3.11", "test.py"), "runtime/python"}, {program("/bin/sh", "/srv/cleanup.sh"), "shell/sh"}, {program("/usr/bin/node", "watch.js"), "runtime/nodejs"},
		{program("/usr/bin/tail", "-f", "x"), "logging/viewer"}, {Subject{Comm: "cleanup", Argv: []string{"cleanup", "-z", "-t", "unix"}}, "mail/postfix"},
		{program("/usr/bin/bash", "-c", "sleep 1"), "shell/bash"}, {Subject{Comm: "bash", Argv: []string{"-bash"}}, "shell/bash"},
		{program("/usr/bin/pihole-FTL"), "dns/pihole"}, {program("/usr/sbin/tailscaled"), "vpn/tailscale"},
		{program("/usr/bin/rtcollector", "run"), "monitoring/rtcollector"},
		{Subject{Comm: "Plex Media Serv", Exe: "/usr/lib/plexmediaserver/Plex Media Server"}, "media/plex"},
		{Subject{Comm: "(sd-pam)", Argv: []string{"(sd-pam)"}}, "system/systemd"},
		{Subject{Comm: "tmux: server", Exe: "/usr/bin/tmux"}, "shell/multiplexer"},
		{Subject{Comm: "RDD Process", Exe: "/usr/lib/firefox-esr/firefox-esr"}, "browser/firefox"},
		{Subject{Comm: "systemd-journal", Exe: "/usr/lib/systemd/systemd-journald"}, "logging/journald"},

		{Subject{Comm: "kworker/0:1", Kernel: true}, "system/kernel"},
		{Subject{Comm: "nginx", Kernel: true}, "system/kernel"},
		{Subject{Comm: "kworker/0:1", Exe: "/tmp/x", Argv: []string{"/tmp/x"}}, "other/unknown"}, // looks like one only
		{Subject{}, "other/unknown"},
		{Subject{Exe: "/", Argv: []string{""}}, "other/unknown"},
		{program("/opt/own/nothing-known"), "other/unknown"},
	} {
		if got := rules.Classify(&tc.s).String(); got != tc.want {
			t.Errorf("%q %q %q: %s, want %s", tc.s.Comm, tc.s.Exe, tc.s.Argv, got, tc.want)
		}
	}
}

// TestBuiltinPatterns: a glob that is built in must not match names by chance, as "[lxc monitor]*" matches all that begin with one of these
// letters.
func TestBuiltinPatterns(t *testing.T) {
	words := []string{"own-program", "memfd:x", "zqzqz", "Unrelated", "x", "_", "0", "7up", "a b", "my.service", "kworker/0:1", "é", "[x]", "(x)", "-"}
	for c := 'a'; c <= 'z'; c++ {
		words = append(words, string(c)+"qzvk", string(c-'a'+'A')+"qzvk", string(c)+"-qzvk")
	}
	for i, r := range load(t, DefaultConfig()).All() {
		for _, n := range []*names{&r.name, &r.exe, &r.comm} {
			for _, p := range n.patterns {
				text := p.String()
				if !strings.HasPrefix(text, "~") && strings.Contains(strings.ReplaceAll(text, "[0-9]", ""), "[") {
					t.Errorf("classes[%d] (%s): %q has a class of characters; write ~ and a regular expression", i, r.Class, text)
				}
				if len(p.prefix) < 2 && len(strings.TrimLeft(text, "*?")) < 4 {
					t.Errorf("classes[%d] (%s): %q matches too much", i, r.Class, text)
				}
			}
			for _, word := range words {
				if len(word) > 1 && n.match(word) {
					t.Errorf("classes[%d] (%s) matches %q: %s", i, r.Class, word, r.Conditions())
				}
			}
		}
	}
}

// TestOddNames: names may have any bytes (proc(5)).
func TestOddNames(t *testing.T) {
	rules, err := loadText(t, Merge, `classes: [{group: odd, subgroup: all, name: ["a) R 1 (b", "x\ny", " lead", "tail ", "two words", "caf\u00e9", "back\\slash"]}]`)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a) R 1 (b", "x\ny", " lead", "tail ", "two words", "café", `back\slash`} {
		if got := rules.Classify(&Subject{Comm: name}); got != (Class{"odd", "all"}) {
			t.Errorf("%q: %v", name, got)
		}
	}
	for _, name := range []string{"", "\xff\xfe", "fifteen-bytes-\xc3", "lead", "(", ")", "x y", strings.Repeat("a", 5000)} {
		if got := rules.Classify(&Subject{Comm: name, Exe: name, Argv: []string{name, name}}); got != unknown() {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// TestConditions: every key of an entry, and how they combine.
func TestConditions(t *testing.T) {
	const id = "178f13edf91be156a03cf2413ba6e064fd097fe73d010d326965b11153333002"
	rules, err := loadText(t, Replace, `
classes:
  - {group: g, subgroup: both, name: [app], cmdline: ['--role=(a|b)$', '^never']}
  - {group: g, subgroup: exe, exe: [app, a-name-of-more-than-15-bytes]}
  - {group: g, subgroup: comm, comm: [renamed, app]}
  - {group: g, subgroup: glob, name: ["lib*.so", '~^v[0-9]+$', "[xyz]1", "?q"]}
  - {group: g, subgroup: unit, unit: ["shop-*.service", "run-my-app.scope"]}
  - {group: g, subgroup: docker, container: [docker, 8f22e6], cgroup: ["*/jobs/*"]}
  - {group: g, subgroup: id, container: [178f13]}
  - {group: g, subgroup: any, container: ["*"]}
  - {group: g, subgroup: cgroup, cgroup: [/user.slice/*]}
  - {group: g, subgroup: line, cmdline: ['--secret-role=x']}
`)
	if err != nil {
		t.Fatal(err)
	}
	place := func(p cgroup.Place) Subject { return Subject{Comm: "x", Place: p} }
	for i, tc := range []struct {
		s    Subject
		want string
	}{
		{program("/bin/app", "--role=a"), "both"}, {program("/bin/app", "--role=c"), "exe"},
		{Subject{Comm: "app", Exe: "/bin/other"}, "comm"}, {Subject{Comm: "app"}, "exe"},
		{Subject{Comm: "a-name-of-more-"}, "exe"}, {Subject{Comm: "a-name-of-more-", Exe: "/bin/a-name-of-more-than-15-bytez"}, Unknown},
		{Subject{Comm: "a-name-of-more-", Exe: "/bin/bash"}, Unknown},
		{Subject{Comm: "a-name-of-more-", Argv: []string{"/bin/a-name-of-more-than-15-bytez"}}, Unknown},
		{Subject{Comm: "renamed", Exe: "/bin/whatever"}, "comm"}, {Subject{Comm: "x", Exe: "/bin/renamed"}, Unknown},
		{program("/lib/libx.so"), "glob"}, {program("/v12"), "glob"}, {program("/v12x"), Unknown}, {program("/y1"), "glob"}, {program("/qq"), "glob"},
		{place(cgroup.Place{Unit: "shop-1.service"}), "unit"}, {place(cgroup.Place{Unit: `run-my\x2dapp.scope`}), "unit"}, {place(cgroup.Place{Unit: "shop.service"}), Unknown},
		{place(cgroup.Place{Path: "/a/jobs/1", Container: "f00", Runtime: "docker"}), "docker"},
		{place(cgroup.Place{Path: "/a/jobs/1", Container: "8f22e6738f", Runtime: "podman"}), "docker"},
		{place(cgroup.Place{Path: "/a/1", Container: "f00", Runtime: "docker"}), "any"},
		{place(cgroup.Place{Container: id}), "id"}, {place(cgroup.Place{Path: "/user.slice/a"}), "cgroup"},
		{Subject{Comm: "x", Argv: []string{"x", "--secret-role=x"}}, "line"},
		{Subject{Comm: "x", Argv: []string{"x", strings.Repeat("a", maxCmdline), "--secret-role=x"}}, Unknown}, // beyond what is compared
	} {
		if got := rules.Classify(&tc.s).Subgroup; got != tc.want {
			t.Errorf("case %d, %q %q %+v: %s, want %s", i, tc.s.Comm, tc.s.Exe, tc.s.Place, got, tc.want)
		}
	}
}

// TestModes: the user's entries come first and replace those of the same class.
func TestModes(t *testing.T) {
	const text = `classes: [{group: db, subgroup: postgres, name: [mypg]}, {group: own, subgroup: shell, name: [bash]}]`
	pg, mypg, bash, nginx := program("/bin/postgres"), program("/bin/mypg"), program("/bin/bash"), program("/bin/nginx")
	for mode, want := range map[Mode][]string{
		Merge:   {"other/unknown", "db/postgres", "own/shell", "web/nginx"},
		Replace: {"other/unknown", "db/postgres", "own/shell", "other/unknown"},
		"":      {"other/unknown", "db/postgres", "own/shell", "web/nginx"},
	} {
		rules, err := loadText(t, mode, text)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range []*Subject{&pg, &mypg, &bash, &nginx} {
			if got := rules.Classify(s).String(); got != want[i] {
				t.Errorf("%s %s: %s, want %s", mode, s.Comm, got, want[i])
			}
		}
		matches := rules.Matches(&bash)
		if len(matches) == 0 || matches[0].Group != "own" || !strings.HasSuffix(matches[0].Source, "classes.yaml: classes[1]") || mode == Merge && len(matches) < 2 {
			t.Errorf("%s: %d entries match bash", mode, len(matches))
		}
	}
}

// TestWants: the filters.
func TestWants(t *testing.T) {
	list := match.NewList
	for _, tc := range []struct {
		name string
		c    Config
		want string // of db/postgres, db/mysql, web/nginx, other/unknown
	}{
		{"all", Config{Others: true}, "yyyy"},
		{"without others", Config{}, "yyyn"},
		{"group", Config{Groups: list("db"), Others: true}, "yynn"},
		{"subgroup", Config{Subgroups: list("nginx"), Others: true}, "nnyn"},
		{"group or subgroup", Config{Groups: list("w*"), Subgroups: list("db/mysql"), Others: true}, "nyyn"},
		{"exclude", Config{ExcludeGroups: list("web"), ExcludeSubgroups: list("mysql"), Others: true}, "ynny"},
		{"include and exclude", Config{Groups: list("db"), ExcludeSubgroups: list("mysql")}, "ynnn"},
		{"only others", Config{Groups: list("other"), Others: true}, "nnny"},
	} {
		rules := load(t, tc.c)
		got := ""
		for _, c := range []Class{{"db", "postgres"}, {"db", "mysql"}, {"web", "nginx"}, unknown()} {
			got += map[bool]string{true: "y", false: "n"}[rules.Wants(c)]
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// TestFindIsFirstMatch: the index finds what trying every entry finds.
func TestFindIsFirstMatch(t *testing.T) {
	rules := load(t, DefaultConfig())
	var words []string
	for i := range rules.list {
		r := &rules.list[i]
		for _, n := range []*names{&r.name, &r.exe, &r.comm} {
			words = append(words, n.texts()...)
		}
	}
	words = append(words, "", "nothing", "python3.11", "lib.test", "a_exporter", "kafka.Kafka", "rabbit", "\xff")
	seed := uint64(os.Getpid())
	rnd := rand.New(rand.NewPCG(seed, 1))
	pick := func() string { return words[rnd.IntN(len(words))] }
	for range 3000 {
		s := Subject{Comm: pick(), Argv: []string{pick(), pick(), pick()}[:rnd.IntN(4)]}
		s.Comm = s.Comm[:min(len(s.Comm), maxComm)]
		if rnd.IntN(3) > 0 {
			s.Exe = "/usr/bin/" + pick()
		}
		var want *Rule
		if all := rules.Matches(&s); len(all) > 0 {
			want = all[0]
		}
		if got := rules.Find(&s); got != want {
			t.Fatalf("seed %d: %+v: found %v, the first that matches is %v", seed, s, got, want)
		}
	}
}

// TestTenThousandEntries: they load, and the last one matches.
func TestTenThousandEntries(t *testing.T) {
	rules, err := loadText(t, Merge, manyEntries(10_000))
	if err != nil {
		t.Fatal(err)
	}
	s := program("/opt/bin/program-9999")
	if got := rules.Classify(&s); got != (Class{"many", "s9999"}) {
		t.Error(got)
	}
}

func manyEntries(n int) string {
	var b strings.Builder
	b.WriteString("classes:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {group: many, subgroup: s%d, name: [program-%d], cmdline: ['^/opt/.*%d']}\n", i, i, i)
	}
	return b.String()
}

// TestNeeds: a text that is missing rules out only lines that do not match.
func TestNeeds(t *testing.T) {
	for text, want := range map[string]string{
		`kafka\.Kafka\b`: "kafka.Kafka", `org\.(a|bb|ccc)`: "org.", `(one|two)x*`: "one two", `(one|t)`: "", `a*`: "", `(?i)abc`: "", `(abc)+`: "abc", `(abc){0,3}`: "",
		`^x{2}longer`: "longer", `[ab]c`: "", `/(npm|npx)( |$)`: "np", `abc|`: "",
	} {
		if got := strings.Join(newExpression(t, text).needs, " "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestPatterns: the short ways to compare a name give what match.Pattern gives.
func TestPatterns(t *testing.T) {
	texts := []string{"", "a", "ab", "aab", "aba", "abab", "ab*ab", "x", "abx", "xab", "a\nb", "a]", "a*b", "a?b", "a[b]c", "abc", "~a"}
	for _, text := range []string{"a*", "*b", "ab*ab", "ab*b", "a?b", "a[b]c", "a*b]", "*", "?", "a*b*", "~a", "~^a.b$", "[ab]*", "a[*]b"} {
		list := match.NewList(text)
		n := newNames(list)
		for _, name := range texts[1:] {
			if got, want := n.match(name), list.Match(name); got != want {
				t.Errorf("%q on %q: %v, want %v", text, name, got, want)
			}
		}
	}
}

func newExpression(t *testing.T, text string) (e expression) {
	if err := e.UnmarshalScalar(text); err != nil {
		t.Fatal(err)
	}
	return e
}

func FuzzNeeds(f *testing.F) {
	f.Add(`(ab|cd)+[x-z]e{2,3}`, "xababxee")
	f.Fuzz(func(t *testing.T, text, line string) {
		var r expression
		if len(text) > 200 || r.UnmarshalScalar(text) != nil {
			return
		}
		if got, want := matchLine([]expression{r}, new(newCmdLine(line))), r.Match(line); got != want && line != r.String() {
			t.Fatalf("%q on %q: %v, want %v", text, line, got, want)
		}
	})
}

func FuzzParseTable(f *testing.F) {
	f.Add("classes: [{group: a, subgroup: b, name: [x, \"y*\"], cmdline: ['[a-z]+'], unit: [a.service], container: [docker]}]", "x", "/bin/y1", "a b")
	f.Add("classes: [{group: a, subgroup: b, comm: [\"~^(a|b)*$\"]}]", "ab", "", "")
	f.Fuzz(func(t *testing.T, text, comm, exe, args string) {
		if len(text) > 4096 {
			return
		}
		list, err := parseTable("f", []byte(text))
		if err != nil {
			return
		}
		rules := &Rules{list: list, index: newIndex(list)}
		s := Subject{Comm: comm, Exe: exe, Argv: strings.Split(args, " "), Place: cgroup.Parse([]byte("0::/" + args))}
		class := rules.Classify(&s)
		if class.Group == "" || class.Subgroup == "" {
			t.Fatalf("%+v", class)
		}
		if all := rules.Matches(&s); len(all) > 0 && all[0] != rules.Find(&s) || len(all) == 0 && rules.Find(&s) != nil {
			t.Fatalf("%d match, found %v", len(all), rules.Find(&s))
		}
		for i := range list {
			_ = list[i].Conditions()
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	rules := load(b, DefaultConfig())
	for name, s := range map[string]Subject{
		"name": program("/usr/sbin/nginx"), "unknown": program("/opt/own/nothing-known", strings.Split(strings.Repeat("--flag=value ", 20), " ")...),
		"java": java("-Xmx1g", "-cp", strings.Repeat("/opt/lib/a.jar:", 250), "org.example.Main"), "python": program("/usr/bin/python3.11", "own.py"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rules.Classify(&s)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	big := Config{File: writeTable(b, manyEntries(10_000))}
	for name, c := range map[string]Config{"builtin": DefaultConfig(), "10000": big} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				load(b, c)
			}
		})
	}
}
