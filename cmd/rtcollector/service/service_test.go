package service

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

func describe(t *testing.T, system string) Definition {
	t.Helper()
	d, err := Describe(system, Defaults(system))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestExampleIsWhatIsInstalled: the unit that users read and copy is the one that the program writes, except for the marker.
func TestExampleIsWhatIsInstalled(t *testing.T) {
	example, err := os.ReadFile("../../../examples/systemd/rtcollector.service")
	if err != nil {
		t.Fatal(err)
	}
	written := describe(t, "systemd").Files[0].Content
	if string(example) != written {
		t.Errorf("examples/systemd/rtcollector.service differs from cmd/rtcollector/service/files/rtcollector.service with the usual paths:\n%s", written)
	}
	if hasMarker(example) || !hasMarker([]byte(marked(written))) {
		t.Error("the marker must be in what is installed, and nowhere else")
	}
}

// writeUnit writes the unit with a program that exists, as systemd-analyze wants it.
func writeUnit(t *testing.T, dropIns ...string) string {
	t.Helper()
	dir := t.TempDir()
	s := Defaults("systemd")
	s.Binary = "/bin/true"
	d, err := Describe("systemd", s)
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(dir, "rtcollector.service")
	if err := os.WriteFile(unit, []byte(marked(d.Files[0].Content)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range dropIns {
		content, err := os.ReadFile(file)
		if err == nil {
			err = os.MkdirAll(unit+".d", 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(unit+".d", filepath.Base(file)), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return unit
}

// TestUnitIsHardened: systemd's own measure of what a service could do to the machine, from 0 to 10.
func TestUnitIsHardened(t *testing.T) {
	servicetest.RequireCommands(t, "systemd", "systemd-analyze")
	unit := writeUnit(t)
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--json=short", "--no-pager", "--threshold=20", unit).CombinedOutput()
	if err != nil {
		t.Fatalf("the exposure must be at most 2.0: %v\n%s", err, out)
	}
	var rows []struct{ Set *bool }
	if err := json.Unmarshal(out, &rows); err != nil || len(rows) < 50 {
		t.Fatalf("%d rows: %v\n%s", len(rows), err, out)
	}
}

// TestUnitIsUnderstood: systemd has no complaint about the unit and the drop-ins.
func TestUnitIsUnderstood(t *testing.T) {
	servicetest.RequireCommands(t, "systemd", "systemd-analyze")
	dropIns, err := filepath.Glob("../../../examples/systemd/rtcollector.service.d/*.conf")
	if err != nil || len(dropIns) < 4 {
		t.Fatal(dropIns, err)
	}
	for _, files := range [][]string{nil, dropIns} {
		out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", writeUnit(t, files...)).CombinedOutput()
		if err != nil || strings.Contains(string(out), "rtcollector.service") {
			t.Errorf("%v: %v\n%s", files, err, out)
		}
	}
}

// TestUnitIsEnabled enables the unit in a folder with the real systemctl.
func TestUnitIsEnabled(t *testing.T) {
	servicetest.RequireCommands(t, "systemd", "systemctl")
	m, _ := machine(t, "systemd")
	d := describe(t, "systemd")
	if err := Install(t.Context(), d, m); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ verb, want string }{{"enable", "enabled"}, {"disable", "disabled"}} {
		if out, err := exec.Command("systemctl", "--root="+m.Root, tc.verb, "rtcollector.service").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		out, _ := exec.Command("systemctl", "--root="+m.Root, "is-enabled", "rtcollector.service").Output() // fails when it is disabled
		if got := strings.TrimSpace(string(out)); got != tc.want {
			t.Errorf("after %s it is %q", tc.verb, got)
		}
	}
}

// TestScripts: the shell understands the scripts, and the property list is XML.
func TestScripts(t *testing.T) {
	for _, system := range []string{"openrc", "rc.d"} {
		script := marked(describe(t, system).Files[0].Content)
		if strings.Contains(script, "@") && !strings.Contains(script, `"$@"`) {
			t.Errorf("%s: a setting was not filled in:\n%s", system, script)
		}
		if !strings.HasPrefix(script, "#!") {
			t.Errorf("%s: the interpreter is not in the first line", system)
		}
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", system, err, out)
		}
	}
	s := Defaults("launchd")
	s.Config = "/Users/a & b/<config>.yaml"
	d, err := Describe("launchd", s)
	if err != nil {
		t.Fatal(err)
	}
	var found bool
	for decoder := xml.NewDecoder(strings.NewReader(marked(d.Files[0].Content))); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok && string(text) == s.Config {
			found = true
		}
	}
	if !found {
		t.Error("the path of the configuration is not in the property list")
	}
}

// TestPaths: paths that cannot be in a file are refused, and quoted where they can.
func TestPaths(t *testing.T) {
	for system, want := range map[string]bool{"systemd": true, "launchd": true, "windows": true, "openrc": false, "rc.d": false} {
		if _, err := Describe(system, Settings{Binary: "/opt/my agent/rtcollector", Config: "/etc/c.yaml"}); (err == nil) != want {
			t.Errorf("%s: a path with a blank: %v", system, err)
		}
		if _, err := Describe(system, Settings{Binary: "/opt/x\nExecStartPre=/bin/sh", Config: "/etc/c.yaml"}); err == nil {
			t.Errorf("%s: a path with a line break was accepted", system)
		}
	}
	d, err := Describe("systemd", Settings{Binary: `/opt/my agent/100%$x"`, Config: "/etc/c.yaml"})
	if err != nil || !strings.Contains(d.Files[0].Content, `ExecStart="/opt/my agent/100%%$$x\"" run --config /etc/c.yaml`) {
		t.Error(err, d.Files[0].Content)
	}
	if _, err := Describe("upstart", Settings{}); err == nil || !strings.Contains(err.Error(), "systemd, openrc, launchd, rc.d, windows") {
		t.Error(err)
	}
}

// TestEventLines: each line of the log becomes one entry with its severity, whatever the writes are; debug lines are left out.
func TestEventLines(t *testing.T) {
	var got bytes.Buffer
	e := &eventLines{report: func(level logLevel, line string) { got.WriteString(string("iwe"[level]) + " " + line + "\n") }}
	for _, part := range []string{
		"2026-11-30 10:00:00 INFO  started a=1\n2026-11-30 10:00:01 WA", "RN  careful\n\n",
		"2026-11-30 10:00:02 DEBUG gathered\n" + `{"time":"x","level":"ERROR","msg":"lost"}` + "\n",
		"warning: line 1\n", "config.yaml: inputs: \"INFO\" is not an input\n", "not complete",
	} {
		if n, err := e.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	want := `i 2026-11-30 10:00:00 INFO  started a=1
w 2026-11-30 10:00:01 WARN  careful
e {"time":"x","level":"ERROR","msg":"lost"}
w warning: line 1
e config.yaml: inputs: "INFO" is not an input
`
	if got.String() != want {
		t.Errorf("got:\n%s", &got)
	}
	got.Reset()
	if _, err := e.Write(bytes.Repeat([]byte("x"), 100_000)); err != nil || len(e.partial) > maxEventLine {
		t.Errorf("%d bytes are kept: %v", len(e.partial), err)
	}
}
