package cmdline

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// fieldCase is a command line from the field: texts that must be gone and texts that must be kept.
type fieldCase struct{ Argv, Gone, Kept []string }

func fieldCases(t testing.TB) (cases []fieldCase) {
	t.Helper()
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestCasesFromTheField(t *testing.T) {
	for _, c := range fieldCases(t) {
		for where, text := range map[string]string{"Text": Text(c.Argv, 256), "Redact": strings.Join(Redact(c.Argv), " ")} {
			for _, gone := range c.Gone {
				if strings.Contains(text, gone) {
					t.Errorf("%s(%q) shows %q: %s", where, c.Argv, gone, text)
				}
			}
			for _, kept := range c.Kept {
				if !strings.Contains(text, kept) {
					t.Errorf("%s(%q) lacks %q: %s", where, c.Argv, kept, text)
				}
			}
		}
	}
}

// The same commands as the title of a process, and within sh -c.
func TestCasesAsOneArgument(t *testing.T) {
	for _, c := range fieldCases(t) {
		if len(c.Argv) < 2 || strings.Contains(strings.Join(c.Argv, ""), "two words") { // a title has no quotes
			continue
		}
		for _, argv := range [][]string{{strings.Join(c.Argv, " ")}, {"sh", "-c", "exec " + strings.Join(c.Argv, " ")}} {
			text := strings.Join(Redact(argv), " ")
			for _, gone := range c.Gone {
				if strings.Contains(text, gone) {
					t.Errorf("%q shows %q: %s", argv, gone, text)
				}
			}
			for _, kept := range c.Kept {
				if !strings.Contains(text, kept) {
					t.Errorf("%q lacks %q: %s", argv, kept, text)
				}
			}
		}
	}
}

// S is the secret, K must be kept. The arguments are separated by |.
func TestMoreCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		"app|--password|--token|S3":                             "app|--password|--token|[redacted]",
		"app|--token|-S3x":                                      "app|--token|[redacted]",
		"sudo|mysql|-uroot|-pS3|shop":                           "sudo|mysql|-uroot|-p[redacted]|shop",
		"/usr/bin/mysql|-p|shop":                                "/usr/bin/mysql|-p|shop",
		"sshpass|-pS3|ssh|-p|22|host":                           "sshpass|-p[redacted]|ssh|-p|22|host",
		"docker|run|-p|80:80|image":                             "docker|run|-p|80:80|image",
		"docker|run|--env=DB_PASSWORD=S3|image":                 "docker|run|--env=DB_PASSWORD=[redacted]|image",
		"docker|run|--user|k:k|--user=1:1|image":                "docker|run|--user|k:k|--user=1:1|image",
		"docker|pull|postgres:16@sha256:0123":                   "docker|pull|postgres:16@sha256:0123",
		"env|A=b|PGPASSWORD=S3|psql":                            "env|A=b|PGPASSWORD=[redacted]|psql",
		"PGPASSWORD=S3|psql":                                    "PGPASSWORD=[redacted]|psql",
		"app|PWD=/srv":                                          "app|PWD=/srv",
		"app|--no-password|db":                                  "app|--no-password|db",
		`curl|-d|{"user":"k","password":"S3","n":1}|h`:          `curl|-d|{"user":"k","password":[redacted],"n":1}|h`,
		`curl|-d|{"user": "k", "password": "S3 S4", "n": 1}|h`:  `curl|-d|{"user": "k", "password": [redacted] "n": 1}|h`,
		"curl|-d|user=k&password=S3&n=1|h":                      "curl|-d|user=k&password=[redacted]&n=1|h",
		"curl|--header=Authorization: Basic S3|h":               "curl|--header=Authorization: [redacted]|h",
		"curl|-H|Accept: text/html|h":                           "curl|-H|Accept: text/html|h",
		"curl|-H|X-Token:S3|h":                                  "curl|-H|X-Token:[redacted]|h",
		"curl|--user|k:S3|h":                                    "curl|--user|k:[redacted]|h",
		"http|-a|k:S3|h":                                        "http|-a|[redacted]|h",
		"app|Server=k;Password=S3,x;User=k":                     "app|Server=k;Password=[redacted];User=k",
		"mount|-o|user=k,password=S3,ro|//h/s":                  "mount|-o|user=k,password=[redacted],ro|//h/s",
		"app|jdbc:mysql://h/d?user=k&password=S3&ssl=1":         "app|jdbc:mysql://h/d?user=k&password=[redacted]&ssl=1",
		"app|https://h/x?key=S3&k=1#f":                          "app|https://h/x?key=[redacted]&k=1#f",
		"app|https://h/x?X-Amz-Signature=S3&k=1":                "app|https://h/x?X-Amz-Signature=[redacted]&k=1",
		"app|redis://:S3/S4@h/0":                                "app|redis://:[redacted]@h/0",
		"app|https://k:S@3@h/0":                                 "app|https://k:[redacted]@h/0",
		"app|https://h:8080/@k/x":                               "app|https://h:8080/@k/x",
		"app|http://k:S3@h,http://k:S4@i":                       "app|http://k:[redacted]@h,http://k:[redacted]@i",
		"app|k:S3@tcp(h:3306)/d":                                "app|k:[redacted]@tcp(h:3306)/d",
		"app|mailto:k@h":                                        "app|mailto:k@h",
		"app|--url=amqp://k:S3@h":                               "app|--url=amqp://k:[redacted]@h",
		"app|ghp_0123456789abcdefghijABCDEFGHIJ":                "app|[redacted]",
		"app|x=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc":        "app|x=[redacted]",
		"bash|-c|sh -c 'PGPASSWORD=S3 psql'":                    "bash|-c|sh -c 'PGPASSWORD=[redacted] psql'",
		"bash|-c|curl -H 'Authorization: Bearer S3' h":          "bash|-c|curl -H 'Authorization: [redacted]' h",
		"bash|-c|echo don't; app --password S3 k; echo can't":   "bash|-c|echo don't; app --password [redacted] k; echo can't",
		"bash|-c|mysql -pS3 k":                                  "bash|-c|mysql -p[redacted] k",
		"worker: password: S3 k":                                "worker: password: [redacted] k",
		"app|--from-literal=password=S3":                        "app|--from-literal=password=[redacted]",
		"npm|config|set|//registry.example/:_authToken|S3":      "npm|config|set|//registry.example/:_authToken|[redacted]",
		"redis-cli|config|set|requirepass|S3":                   "redis-cli|config|set|requirepass|[redacted]",
		"kubectl|get|secret|k":                                  "kubectl|get|secret|k",
		"vault|token|lookup|k":                                  "vault|token|lookup|k",
		"ffmpeg|--two-pass|k":                                   "ffmpeg|--two-pass|k",
		"curl|-sSku|k:S3|h":                                     "curl|-sSku|k:[redacted]|h",
		"curl|-skuk:S3|h":                                       "curl|-skuk:[redacted]|h",
		"curl|-sSL|k:k|h":                                       "curl|-sSL|k:k|h",
		"curl|-sH|Authorization: Bearer S3|h":                   "curl|-sH|Authorization: [redacted]|h",
		"ldapsearch|-s|sub|-w|S3|k":                             "ldapsearch|-s|sub|-w|[redacted]|k",
		"sqlplus|-s|k/S3@db|@script.sql":                        "sqlplus|-s|k/[redacted]@db|@script.sql",
		"sqlplus|k/S3":                                          "sqlplus|k/[redacted]",
		"sqlplus|/|as|sysdba":                                   "sqlplus|/|as|sysdba",
		"useradd|-m|-p|S3|k":                                    "useradd|-m|-p|[redacted]|k",
		"ssh-keygen|-t|rsa|-N|S3|-f|k":                          "ssh-keygen|-t|rsa|-N|[redacted]|-f|k",
		"ssh-keygen|-N||-f|k":                                   "ssh-keygen|-N||-f|k",
		"lftp|-u|k,S3|h":                                        "lftp|-u|k,[redacted]|h",
		"git|-c|http.extraHeader=AUTHORIZATION: basic S3|fetch": "git|-c|http.extraHeader=AUTHORIZATION: basic [redacted]|fetch",
		"helm|--set|a=b,auth.password=S3":                       "helm|--set|a=b,auth.password=[redacted]",
		"terraform|-var=db_password=S3|plan":                    "terraform|-var=db_password=[redacted]|plan",
		"claude|-p|sort the list, then print it":                "claude|-p|sort the list, then print it",
		"ANTHROPIC_API_KEY=S3|claude":                           "ANTHROPIC_API_KEY=[redacted]|claude",
		"npx|@anthropic-ai/claude-code@1.0":                     "npx|@anthropic-ai/claude-code@1.0",
		"rsync|-a|k@h:/srv|.":                                   "rsync|-a|k@h:/srv|.",
		"pip|install|git+https://k:S3@h/r":                      "pip|install|git+https://k:[redacted]@h/r",
		"smbclient|-U|k%S3|//h/s":                               "smbclient|-U|k%[redacted]|//h/s",
		"app|-----BEGIN RSA PRIVATE KEY-----\nS3\n-----END|k":   "app|[redacted]|k",
		"app|--cert-data=-----BEGIN PRIVATE KEY-----S3":         "app|--cert-data=[redacted]",
		"app|--password=S3 S4|k":                                "app|--password=[redacted]|k",
		"app|--password|S3 S4|k":                                "app|--password|[redacted]|k",
	} {
		if got := strings.Join(Redact(strings.Split(line, "|")), "|"); got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
	}
}

func TestTextIsCutAtACharacter(t *testing.T) {
	for max, want := range map[int]string{0: "", 3: "app", 5: "app ", 6: "app é", 7: "app éx", 100: "app éx"} {
		if got := Text([]string{"app", "éx"}, max); got != want {
			t.Errorf("%d: %q, want %q", max, got, want)
		}
	}
	if got := Text([]string{"a\xff"}, 10); got != "a\ufffd" {
		t.Errorf("%q", got)
	}
}

func TestSplit(t *testing.T) {
	long := strings.Repeat("x", maxBytes)
	for data, want := range map[string][]string{
		"":                                    nil,
		"\x00\x00":                            nil,
		"a\x00b c\x00\x00d\x00":               {"a", "b c", "", "d"},
		"worker --x 1":                        {"worker --x 1"},
		"worker --x 1\x00\x00\x00":            {"worker --x 1"},
		"a\x00--password\x00" + long + "\x00": {"a", "--password"},
		"worker --password " + long:           {"worker --password"},
		long + "x":                            nil,
	} {
		if diff := cmp.Diff(want, Split([]byte(data))); diff != "" {
			t.Errorf("%.40q (-want +got): %s", data, diff)
		}
	}
}

// checkProperties checks what holds for all command lines.
func checkProperties(t *testing.T, argv []string) {
	t.Helper()
	clean := Redact(argv)
	if len(clean) != len(argv) {
		t.Fatalf("%q has %d arguments, then %d", argv, len(argv), len(clean))
	}
	for i := range argv {
		if argv[i] == "" && clean[i] != "" {
			t.Errorf("%q: a mark where nothing was", argv)
		}
	}
	for _, max := range []int{0, 7, 256} {
		if text := Text(argv, max); len(text) > max || !utf8.ValidString(text) {
			t.Errorf("%q: %q is longer than %d bytes or not UTF-8", argv, text, max)
		}
	}
}

// Redacting twice changes nothing more: commands of the field, and random mixtures of their arguments.
func TestRedactingTwice(t *testing.T) {
	var pool []string
	check := func(argv []string) {
		checkProperties(t, argv)
		if once := Redact(argv); !slices.Equal(Redact(once), once) {
			t.Errorf("%q\n  once: %q\n twice: %q", argv, once, Redact(once))
		}
	}
	for _, c := range fieldCases(t) {
		check(c.Argv)
		check([]string{strings.Join(c.Argv, " ")})
		pool = append(pool, c.Argv...)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		argv := make([]string, 1+random.IntN(6))
		for i := range argv {
			argv[i] = pool[random.IntN(len(pool))]
		}
		check(argv)
		check([]string{strings.Join(argv, " ")})
		check([]string{"sh", "-c", strings.Join(argv, " ")})
		if t.Failed() {
			return
		}
	}
}

func FuzzRedact(f *testing.F) {
	for _, c := range fieldCases(f) {
		f.Add([]byte(strings.Join(c.Argv, "\x00")))
		f.Add([]byte(strings.Join(c.Argv, " ")))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkProperties(t, Split(data)) })
}

// Every password is gone, whatever it consists of.
func FuzzPassword(f *testing.F) {
	f.Add("Hunter2x")
	f.Add("p@ss/w:rd?#%")
	f.Add("--password")
	f.Fuzz(func(t *testing.T, secret string) {
		if len(secret) < 4 || strings.Contains("[redacted]", secret) || strings.Contains("app --password mysqldump shop", secret) || strings.Contains(secret, "\x00") {
			return
		}
		for _, argv := range [][]string{{"app", "--password=" + secret}, {"mysqldump", "-p" + secret, "shop"}, {"app", "PASSWORD=" + secret}} {
			if text := strings.Join(Redact(argv), " "); strings.Contains(text, secret) {
				t.Errorf("%q: %s", argv, text)
			}
		}
	})
}

// traps are texts that take quadratic time if a search starts again at every byte.
func traps(size int) map[string][]string {
	repeated := func(s string) string { return strings.Repeat(s, size/len(s)) }
	return map[string][]string{
		"quotes":    {"app", repeated("' ")},
		"pairs":     {"app", repeated("'a b'")},
		"names":     {"app", repeated("password=")},
		"colons":    {"app", repeated("password:")},
		"schemes":   {"app", repeated("://")},
		"urls":      {"app", repeated("http://a:b@")},
		"ats":       {"app", repeated("a:@")},
		"long name": {"app", "--" + repeated("a") + "=password"},
		"nested":    {"app", repeated(`"'`)},
		"queries":   {"app", repeated("?key=")},
		"arguments": slices.Repeat([]string{"--password"}, size/10),
		"equals":    {"app", repeated("a=")},
		"braces":    {"app", repeated(`{"token":"`)},
		"plain":     {"app", repeated("x")},
	}
}

// BenchmarkRedact shows that the time grows with the size: compare 64 KiB with 2 MiB.
func BenchmarkRedact(b *testing.B) {
	for name, size := range map[string]int{"64KiB": 64 << 10, "2MiB": 2 << 20} {
		for trap, argv := range traps(size) {
			b.Run(trap+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					Redact(argv)
				}
			})
		}
	}
}

func BenchmarkText(b *testing.B) {
	argv := []string{"/usr/bin/python3", "-m", "app.server", "--host", "db.example", "--password", "Hunter2x", "https://bob:x@h.example/?token=1"}
	b.ReportAllocs()
	for b.Loop() {
		Text(argv, 256)
	}
}
