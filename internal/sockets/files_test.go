package sockets

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// expectation is the layout of expected.json.
type expectation struct {
	Connections []struct {
		Inode                       uint64
		Proto, Local, Remote, State string
	}
	Listeners []struct {
		Inode        uint64
		Proto, Local string
	}
	Unconnected []uint64 `json:"unconnected_udp"`
	Ownerless   []string
}

// layCase returns the root of a host whose process 1 has the files of a case.
func layCase(t *testing.T, dir string) hostfs.Root {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		files["proc/1/net/"+name] = plugintest.Read(t, filepath.Join(dir, name+".txt"))
	}
	return hostfs.At(plugintest.Files(t, "", files))
}

func TestUDPAndMappedAddresses(t *testing.T) {
	const dir = "testdata/udp-and-mapped-addresses"
	var want, got expectation
	if err := json.Unmarshal([]byte(plugintest.Read(t, filepath.Join(dir, "expected.json"))), &want); err != nil {
		t.Fatal(err)
	}
	l := NewFiles(layCase(t, dir), 1)
	err := l.List(t.Context(), Want{TCP: true, UDP: true}, func(s *Socket) {
		switch {
		case s.Inode == 0:
			got.Ownerless = append(got.Ownerless, fmt.Sprintf("%s to %s TIME_WAIT", s.Local, s.Remote))
		case s.State == Listen:
			got.Listeners = append(got.Listeners, want.Listeners[0])
			last := &got.Listeners[len(got.Listeners)-1]
			last.Inode, last.Proto, last.Local = s.Inode, s.Proto.String(), s.Local.String()
		case s.Proto == UDP && s.State == Unconnected:
			got.Unconnected = append(got.Unconnected, s.Inode)
			if s.Remote.IsValid() {
				t.Errorf("unconnected to %s", s.Remote)
			}
		default:
			c := want.Connections[0]
			c.Inode, c.Proto, c.Local, c.Remote, c.State = s.Inode, s.Proto.String(), s.Local.String(), s.Remote.String(), "ESTABLISHED"
			if s.Proto == UDP {
				c.State = "connected"
			}
			if s.State != Established {
				t.Errorf("%+v", s)
			}
			got.Connections = append(got.Connections, c)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	got.Unconnected = []uint64{got.Unconnected[0], got.Unconnected[2], got.Unconnected[1]} // the case lists them by inode
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFileErrors(t *testing.T) {
	const header, line = "  sl  local_address\n", "   0: 0100007F:0016 00000000:0000 0A 0:0 0:0 0 0 0 7\n"
	for name, tt := range map[string]struct {
		files map[string]string
		want  int
		err   string
	}{
		"none":          {nil, 0, ErrHidden.Error()},
		"empty":         {map[string]string{"tcp": "", "tcp6": ""}, 0, ErrHidden.Error()},
		"no IPv6":       {map[string]string{"tcp": header + line}, 1, ""},
		"no sockets":    {map[string]string{"tcp": header}, 0, ""},
		"no header":     {map[string]string{"tcp": line}, 1, ""},
		"noise":         {map[string]string{"tcp": "noise", "tcp6": header + line}, 1, "tcp: line 1 is not a socket"},
		"cut":           {map[string]string{"tcp": header + line + line[:40]}, 1, "tcp: line 3 is not a socket"},
		"second header": {map[string]string{"tcp": header + header}, 0, "tcp: line 2 is not a socket"},
	} {
		files := map[string]string{"proc/1/x": ""}
		for file, content := range tt.files {
			files["proc/1/net/"+file] = content
		}
		n := 0
		err := NewFiles(hostfs.At(plugintest.Files(t, "", files)), 1).List(t.Context(), Want{TCP: true, UDP: true}, func(*Socket) { n++ })
		if n != tt.want || (err != nil) != (tt.err != "") || err != nil && !strings.HasSuffix(err.Error(), tt.err) {
			t.Errorf("%s: %d sockets, %v", name, n, err)
		}
	}
}

func TestParseLine(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("recorded on machines with the bytes in the other order")
	}
	rest := " 00000000:00000000 00:00000000 00000000 1000 0 77 1"
	for line, want := range map[string]string{
		"   0: 0100007F:0016 00000000:0000 0A" + rest:                     "127.0.0.1:22 invalid AddrPort 10 1000 77",
		"1: 0100007F:0016 0200007F:9C40 0c" + rest:                        "127.0.0.1:22 127.0.0.2:40000 3 1000 77",
		"10000: 0100007F:0016 00000000:0000 0A 0:0 0:0 0 4294967296 0 77": "",
		"   0: 0100007F:0016 00000000:0000 1000A" + rest:                  "",
		"   0: 0100007F:10016 00000000:0000 0A" + rest:                    "",
		"   0: 0100007F 00000000:0000 0A" + rest:                          "",
		"   0: 0100007:0016 00000000:0000 0A" + rest:                      "",
		"   0: 0100007G:0016 00000000:0000 0A" + rest:                     "",
		"   0 0100007F:0016 00000000:0000 0A" + rest:                      "",
		"   x: 0100007F:0016 00000000:0000 0A" + rest:                     "",
		"   0: 0100007F:0016 00000000:0000 ZZ" + rest:                     "",
		"   0: 0100007F:0016 00000000:0000 0A":                            "",
		"  sl  local_address rem_address   st tx_queue rx_queue" + rest:   "",
		"": "",
	} {
		var s Socket
		got := ""
		if _, ok := s.parseLine([]byte(line)); ok {
			got = fmt.Sprint(s.Local, " ", s.Remote, " ", uint8(s.State), s.UID, s.Inode)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	plugintest.SeedLines(f, "testdata/udp-and-mapped-addresses/*.txt")
	f.Fuzz(func(t *testing.T, line []byte) {
		var s Socket
		_, ok := s.parseLine(line)
		if ok && (isHeader(line) || !bytes.Contains(line, []byte{':'}) || !s.Local.IsValid() || s.Local.Addr().Is4In6()) {
			t.Errorf("%q is %+v", line, s)
		}
		if !ok && s != (Socket{}) {
			t.Errorf("%q is not a socket, but %+v", line, s)
		}
	})
}

func TestMissingFilesOfAProcess(t *testing.T) {
	if err := NewFiles(hostfs.At(t.TempDir()), 1).List(t.Context(), Want{TCP: true}, nil); !errors.Is(err, ErrHidden) {
		t.Error(err)
	}
	if _, err := InNamespace(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) && !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
