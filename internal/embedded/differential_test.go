package embedded

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

// TestAnswersLikeTheNamedRedis sends the same random commands to the embedded
// server and to a real one. The replies must be equal byte by byte.
// RTC_TEST_SEED is the first seed (1), RTC_TEST_SEEDS their number (200).
func TestAnswersLikeTheNamedRedis(t *testing.T) {
	address := os.Getenv("RTC_TEST_REDIS")
	if address == "" {
		t.Skip("RTC_TEST_REDIS does not name a Redis with TimeSeries 8.0 to compare with.")
	}
	pair := serverPair{
		prefix: fmt.Sprintf("rtcdiff:%d:", os.Getpid()),
		theirs: dialNamed(t, address),
		ours:   newRival(t, start(t, Config{}).Addr()),
		same:   func(words []string, a, b []byte) bool { return sameReply(words[0], a, b) },
	}
	pair.sweep = [][]string{append([]string{"DEL"}, prefixed(pair.prefix, keyNames())...)}
	pair.compare(t, func(seed uint64) [][]string { return newGenerator(seed, pair.prefix).sequence() })
}

func prefixed(prefix string, names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = prefix + name
	}
	return list
}

// compare runs the sequence of each seed.
func (p *serverPair) compare(t *testing.T, sequence func(seed uint64) [][]string) {
	t.Cleanup(func() { p.clean(t) })
	first, count := envNumber(t, "RTC_TEST_SEED", 1), envNumber(t, "RTC_TEST_SEEDS", 200)
	failed := 0
	for seed := first; seed < first+count && failed < maxFailures; seed++ {
		commands := sequence(seed)
		if at := p.firstDifference(t, commands); at >= 0 {
			failed++
			t.Errorf("seed %d:\n%s", seed, p.explain(t, p.shorten(t, commands[:at+1])))
		}
	}
}

const maxFailures = 5

func envNumber(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("%s is no number", name)
	}
	return n
}

// serverPair is the two servers. The prefix protects the keys of others on the
// real one.
type serverPair struct {
	prefix       string
	theirs, ours *rawClient
	sweep        [][]string // commands that remove everything that a sequence can create
	same         func(words []string, theirs, ours []byte) bool
}

func (p *serverPair) clean(t *testing.T) {
	for _, r := range []*rawClient{p.theirs, p.ours} {
		r.run(t, append([][]string{{"HELLO", "2"}}, p.sweep...))
	}
}

// firstDifference runs the commands on both servers, starting without keys. It
// returns the index of the first command whose replies differ, or -1.
func (p *serverPair) firstDifference(t *testing.T, commands [][]string) int {
	p.clean(t)
	theirs, ours := p.theirs.run(t, commands), p.ours.run(t, commands)
	for i := range commands {
		if !p.same(commands[i], theirs[i], ours[i]) {
			return i
		}
	}
	return -1
}

// sameReply compares exactly, except for the memory in TS.INFO, where only the
// type counts.
func sameReply(name string, a, b []byte) bool {
	if bytes.Equal(a, b) || name == "HELLO" { // HELLO answers names and numbers of the server
		return true
	}
	x, y := sameDigits(decode(a)), sameDigits(decode(b))
	if strings.EqualFold(name, "TS.INFO") && a[0] != '-' && b[0] != '-' {
		x, y = hideChunks(x), hideChunks(y)
	}
	return gocmp.Equal(x, y)
}

// sameDigits converts RESP3 doubles to numbers, because Redis does not always
// write the shortest text.
func sameDigits(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if text, ok := v["d"].(string); ok {
			if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(f) {
				return f
			}
		}
		for k := range v {
			v[k] = sameDigits(v[k])
		}
	case []any:
		for i := range v {
			v[i] = sameDigits(v[i])
		}
	}
	return v
}

func decode(raw []byte) any {
	v, err := resptest.ReadReply(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return err.Error()
	}
	return v
}

// hideChunks hides the chunks at the end of TS.INFO … DEBUG, which hideFields
// does not reach.
func hideChunks(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	m, _ = hideFields(m).(map[string]any)
	if list, _ := m["a"].([]any); len(list) > 2 && gocmp.Equal(list[len(list)-2], map[string]any{"s": "Chunks"}) {
		return list[:len(list)-1]
	}
	if list, _ := m["m"].([]any); len(list) > 0 && gocmp.Equal(list[len(list)-1].([]any)[0], map[string]any{"s": "Chunks"}) {
		return list[:len(list)-1]
	}
	return m
}

// shorten drops commands as long as the replies to the last one differ: many at
// once, and then single ones.
func (p *serverPair) shorten(t *testing.T, commands [][]string) [][]string {
	for size := len(commands) / 2; size > 0; {
		shorter := false
		for at := 0; at+size < len(commands); {
			tried := slices.Delete(slices.Clone(commands), at, at+size)
			if p.firstDifference(t, tried) == len(tried)-1 {
				commands, shorter = tried, true
			} else {
				at++
			}
		}
		if !shorter || size > 1 {
			size /= 2
		}
	}
	return commands
}

func (p *serverPair) explain(t *testing.T, commands [][]string) string {
	p.clean(t)
	theirs, ours := p.theirs.run(t, commands), p.ours.run(t, commands)
	var b strings.Builder
	for _, words := range commands {
		for i, w := range words {
			if w == "" || strings.ContainsAny(w, " \"\r\n") {
				w = strconv.Quote(w)
			}
			words[i] = w
		}
		fmt.Fprintf(&b, "  %s\n", strings.Join(words, " "))
	}
	last := len(commands) - 1
	b.WriteString(p.contrast(t, commands[last], decode(theirs[last]), decode(ours[last])))
	return strings.ReplaceAll(b.String(), p.prefix, "")
}

// contrast shows two replies. For FT.INFO it shows only the differences.
func (p *serverPair) contrast(t *testing.T, words []string, theirs, ours any) string {
	x, isMap := theirs, false
	if words[0] == "FT.INFO" {
		x = infoEssence(theirs)
		_, isMap = x.(map[string]any)["names"]
	}
	if !isMap {
		return fmt.Sprintf(" Redis: %s\n ours:  %s\n", resptest.Show(theirs), resptest.Show(ours))
	}
	var b strings.Builder
	y := infoEssence(ours).(map[string]any)
	for name, val := range x.(map[string]any) {
		if !gocmp.Equal(val, y[name]) {
			fmt.Fprintf(&b, " %s\n  Redis: %s\n  ours:  %s\n", name, resptest.Show(val), resptest.Show(y[name]))
		}
	}
	return b.String()
}

// rawClient is a connection whose replies are kept as bytes.
type rawClient struct {
	conn net.Conn
	r    *bufio.Reader
}

func newRival(t *testing.T, address string) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("connect to %s: %v", address, err)
	}
	t.Cleanup(func() { conn.Close() })
	return &rawClient{conn, bufio.NewReader(conn)}
}

// dialNamed connects to a URL. It skips the test if the server is not of the
// version that the embedded server imitates.
func dialNamed(t *testing.T, text string) *rawClient {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "redis" {
		t.Fatal("RTC_TEST_REDIS is no redis:// URL")
	}
	r := newRival(t, net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "6379")))
	if password, ok := u.User.Password(); ok {
		r.must(t, "AUTH", cmp.Or(u.User.Username(), "default"), password)
	}
	if db := strings.Trim(u.Path, "/"); db != "" {
		r.must(t, "SELECT", db)
	}
	modules := string(r.run(t, [][]string{{"MODULE", "LIST"}})[0])
	_, after, found := strings.Cut(modules, "timeseries\r\n$3\r\nver\r\n:")
	if !found || !strings.HasPrefix(after, "800") {
		t.Skip("The Redis that RTC_TEST_REDIS names has no TimeSeries 8.0, whose replies the embedded server gives.")
	}
	return r
}

func (r *rawClient) must(t *testing.T, words ...string) {
	t.Helper()
	if reply := r.run(t, [][]string{words})[0]; reply[0] == '-' {
		t.Fatalf("%s: %s", words[0], reply)
	}
}

// run sends all commands and reads all replies. It waits after commands that
// make an index scan keys, because the real server scans later.
func (r *rawClient) run(t *testing.T, commands [][]string) [][]byte {
	t.Helper()
	var replies [][]byte
	for i, words := range commands {
		if len(words) > 1 && (words[0] == "FT.CREATE" || words[0] == "FT.ALTER") {
			replies = append(replies, r.send(t, commands[len(replies):i+1])...)
			r.waitForScan(t, words[1])
		}
	}
	return append(replies, r.send(t, commands[len(replies):])...)
}

// waitForScan asks until an index has scanned all keys.
func (r *rawClient) waitForScan(t *testing.T, index string) {
	t.Helper()
	for {
		reply := string(r.send(t, [][]string{{"FT.INFO", index}})[0])
		if !strings.Contains(reply, "+indexing\r\n:1") {
			return
		}
	}
}

// send sends all commands at once.
func (r *rawClient) send(t *testing.T, commands [][]string) [][]byte {
	t.Helper()
	if err := r.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, words := range commands {
		all = append(all, resptest.Encode(words...)...)
	}
	if _, err := r.conn.Write(all); err != nil {
		t.Fatal(err)
	}
	replies := make([][]byte, len(commands))
	for i := range commands {
		raw, err := appendReply(nil, r.r)
		if err != nil {
			t.Fatalf("read reply %d: %v; sent were\n%q", i, err, commands)
		}
		replies[i] = raw
	}
	return replies
}

// appendReply reads one complete reply unchanged.
func appendReply(dst []byte, r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return dst, err
	}
	dst = append(dst, line...)
	parts := 1
	switch line[0] {
	default:
		return dst, nil
	case '%':
		parts = 2
	case '*', '~', '>', '$', '=':
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(line[1:])))
	if err != nil || n < 0 {
		return dst, err
	}
	if line[0] == '$' || line[0] == '=' {
		text := make([]byte, n+2)
		_, err = io.ReadFull(r, text)
		return append(dst, text...), err
	}
	for range n * parts {
		if dst, err = appendReply(dst, r); err != nil {
			return dst, err
		}
	}
	return dst, nil
}
