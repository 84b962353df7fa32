package remotename

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// helloCase is a ClientHello in pieces.
type helloCase struct {
	Segments []string
}

func helloCases(t testing.TB) (cases map[string]helloCase) {
	t.Helper()
	readJSON(t, "hello.json", &cases)
	return cases
}

// feedAll feeds pieces until the reader knows.
func feedAll(pieces ...[]byte) (helloName, progress) {
	var r helloReader
	for _, piece := range pieces {
		if p := r.feed(piece); p != wantMore {
			return r.result, p
		}
	}
	return r.result, wantMore
}

func TestHelloCases(t *testing.T) {
	var expected map[string]struct {
		SNI       string
		Malformed bool
	}
	readJSON(t, "hello-expected.json", &expected)
	cases := helloCases(t)
	if len(cases) != 17 || len(expected) != 17 {
		t.Fatalf("%d cases, %d expectations", len(cases), len(expected))
	}
	outcomes := map[string]progress{"12-never-completes": wantMore, "13-http-not-tls": otherData, "15-trailing-dot": malformed}
	for name, c := range cases {
		var pieces [][]byte
		for _, s := range c.Segments {
			pieces = append(pieces, unhex(t, s))
		}
		want, special := outcomes[name]
		if !special {
			want = complete
			if expected[name].Malformed {
				want = malformed
			}
		}
		hello, got := feedAll(pieces...)
		if got != want || hello.name != expected[name].SNI || hello.hasECH {
			t.Errorf("%s: progress %d (want %d), %+v", name, got, want, hello)
		}
	}
}

// clientHello returns what Go's client sends first.
func clientHello(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go tls.Client(client, config).HandshakeContext(t.Context())
	buf := make([]byte, 16<<10)
	n, err := server.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// The name does not depend on where the hello is cut, and no byte of it can make the reader take another name from beyond a field.
func TestHelloCutAnywhere(t *testing.T) {
	hello := clientHello(t, &tls.Config{ServerName: "API.shop.example"})
	for i := range hello {
		if got, p := feedAll(hello[:i], hello[i:]); p != complete || got.name != "api.shop.example" {
			t.Fatalf("cut at %d: %+v, %d", i, got, p)
		}
		if _, p := feedAll(hello[:i]); p != wantMore {
			t.Fatalf("%d bytes: %d", i, p)
		}
	}
}

// In every position, a field of two bytes is set to 0 and to its maximum. The name is then the same, or none.
func TestHelloWrongLengths(t *testing.T) {
	hello := clientHello(t, &tls.Config{ServerName: "api.shop.example"})
	name := bytes.Index(hello, []byte("api.shop.example"))
	for i := range len(hello) - 1 {
		if i+2 > name && i < name+len("api.shop.example") {
			continue
		}
		for _, value := range [][]byte{{0, 0}, {0xff, 0xff}} {
			broken := bytes.Clone(hello)
			copy(broken[i:], value)
			if got, p := feedAll(broken); got.name != "" && got.name != "api.shop.example" || got.name == "" && p == complete && i >= name-2 && i < name {
				t.Errorf("%x at %d: %+v, %d", value, i, got, p)
			}
		}
	}
}

// Bytes after a field are malformed, as is a hello that would be longer than what is kept.
func TestHelloTrailingBytes(t *testing.T) {
	hello := clientHello(t, &tls.Config{ServerName: "api.shop.example"})
	body := hello[recordHeader+handshakeHeader:]
	if name, ok := parseClientHello(body); !ok || name.name != "api.shop.example" {
		t.Fatalf("%+v, %v", name, ok)
	}
	if name, ok := parseClientHello(append(slices.Clone(body), 0)); ok {
		t.Errorf("after the extensions: %+v", name)
	}
	if name, ok := parseServerName([]byte("\x00\x04\x00\x00\x01a\x00")); ok {
		t.Errorf("after the list: %q", name)
	}
	if got, p := feedAll([]byte{recordHandshake, 3, 1, 0x40, 0, handshakeHello, 0, 0x40, 1}); p != malformed {
		t.Errorf("%+v, %d", got, p)
	}
}

func TestHelloWithoutName(t *testing.T) {
	for _, name := range []string{"", "192.0.2.1"} { // Go's client sends no address
		if got, p := feedAll(clientHello(t, &tls.Config{ServerName: name, InsecureSkipVerify: true})); p != complete || got.name != "" {
			t.Errorf("%q: %+v, %d", name, got, p)
		}
	}
	for text, want := range map[string]string{"192.0.2.1": "", "A_b.example": "a_b.example", "x": "x"} {
		value := append([]byte{0, byte(3 + len(text)), 0, 0, byte(len(text))}, text...)
		if got, ok := parseServerName(value); !ok || got != want {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "a..b", ".a", "a.", "a b", "é.example", "a\x1b", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "a"} {
		value := append([]byte{0, byte(3 + len(text)), 0, 0, byte(len(text))}, text...)
		if got, ok := parseServerName(value); ok {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// Go's client with a real ECH configuration sends the outer name.
func TestHelloECH(t *testing.T) {
	got, p := feedAll(clientHello(t, &tls.Config{ServerName: "inner.example", MinVersion: tls.VersionTLS13, EncryptedClientHelloConfigList: echConfigList(t, "outer.example")}))
	if p != complete || got != (helloName{"outer.example", true}) {
		t.Errorf("%+v, %d", got, p)
	}
}

// A reader keeps no more than a hello, whatever is sent in whatever pieces.
func TestHelloMemory(t *testing.T) {
	var r helloReader
	record := append([]byte{recordHandshake, 3, 1, 0x40, 0, handshakeHello, 0, 0x40, 0}, make([]byte, maxRecord-4)...)
	most := 0
	for range 100 {
		for i := range record {
			if r.feed(record[i:i+1]) != wantMore {
				if most > 2*maxHello {
					t.Errorf("%d bytes", most)
				}
				return
			}
			most = max(most, r.held())
		}
	}
	t.Error("the reader never ends")
}

func FuzzHello(f *testing.F) {
	for _, c := range helloCases(f) {
		f.Add(unhex(f, strings.Join(c.Segments, "")), 5)
	}
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		whole, p := feedAll(data)
		if cut < 0 || cut > len(data) {
			return
		}
		if pieces, q := feedAll(data[:cut], data[cut:]); pieces != whole || p != q {
			t.Errorf("%+v, %d; cut at %d: %+v, %d", whole, p, cut, pieces, q)
		}
		if name, ok := cleanHost(whole.name); whole.name != "" && (!ok || name != whole.name) {
			t.Errorf("%q", whole.name)
		}
	})
}

// FuzzHelloServer compares with Go's server: a name that we find is the one that the server finds, if the server finds one.
func FuzzHelloServer(f *testing.F) {
	for _, c := range helloCases(f) {
		f.Add(unhex(f, strings.Join(c.Segments, "")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, p := feedAll(data)
		if name, ok := serverSees(t, data); ok && p == complete && got.name != "" && !strings.EqualFold(name, got.name) {
			t.Errorf("the server sees %q, we %q", name, got.name)
		}
	})
}

func serverSees(t *testing.T, data []byte) (name string, ok bool) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go func() {
		client.SetDeadline(time.Now().Add(time.Second))
		client.Write(data)
		client.Close()
	}()
	config := &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		name, ok = h.ServerName, true
		return nil, context.Canceled
	}}
	tls.Server(server, config).HandshakeContext(t.Context())
	return name, ok
}

// echConfigList returns a configuration of Encrypted ClientHello (RFC 9849 section 4) with X25519, HKDF-SHA256 and AES-128-GCM.
func echConfigList(t testing.TB, outer string) []byte {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	contents := slices.Concat([]byte{1, 0, 0x20, 0, 32}, key.PublicKey().Bytes(), []byte{0, 4, 0, 1, 0, 1, 64, byte(len(outer))}, []byte(outer), []byte{0, 0})
	config := append([]byte{0xfe, 0x0d, byte(len(contents) >> 8), byte(len(contents))}, contents...)
	return append([]byte{byte(len(config) >> 8), byte(len(config))}, config...)
}
