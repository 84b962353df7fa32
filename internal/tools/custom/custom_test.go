package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// maxSize is what the program for a small Linux machine may have (docs/adr/0030).
const maxSize = 12 << 20

// linuxSuite is a configuration with every input of a Linux host, and Redis.
const linuxSuite = `inputs: [cpu, mem, swap, disk, net, io, system, processes, kernel, netstat, nstat, sensors, time, vmstat, linux_sockets]
outputs: [redistimeseries: {host: 127.0.0.1}]
`

func TestCustomBuild(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", ".."))
	t.Setenv("GOOS", "linux")
	dir := t.TempDir()
	configFile, program := filepath.Join(dir, "my.yaml"), filepath.Join(dir, "rtcollector")
	if err := os.WriteFile(configFile, []byte(linuxSuite), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := build(configFile, program, "-s -w", &out); err != nil {
		t.Fatal(err)
	}
	want := `plugins: internal kernel linux_cpu linux_disk linux_io linux_mem linux_net linux_sensors linux_sockets linux_swap linux_time linux_vmstat netstat nstat processes system
outputs: redistimeseries
secrets: env file
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	st, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%d bytes", st.Size()); st.Size() > maxSize {
		t.Errorf("the program has %d bytes, want at most %d: see docs/adr/0006 for what makes it large", st.Size(), maxSize)
	}
	if runtime.GOOS != "linux" {
		return
	}
	samples, err := exec.Command(program, "once", "--config", configFile).CombinedOutput()
	if err != nil && !strings.Contains(string(samples), "mem_total") { // some inputs may find nothing on this machine
		t.Errorf("once: %v\n%s", err, samples)
	}
	if help, err := exec.Command(program, "web").CombinedOutput(); err == nil || !strings.Contains(string(help), "unknown command") {
		t.Errorf("web: %v\n%s", err, help)
	}
}

func TestBuildErrors(t *testing.T) {
	for text, want := range map[string]string{
		"inputs: [cpuu]\noutputs: [redistimeseries]":            `unknown input "cpuu"`,
		"inputs: [cpu]\noutputs: [redistimeseries]\nweb: {}":    "web: a custom build has no dashboard",
		"inputs: [cpu]\noutputs: [redistimeseries]\nhealth: {}": "health: a custom build has no web server",
		"inputs: [": "my.yaml:1",
	} {
		configFile := filepath.Join(t.TempDir(), "my.yaml")
		if err := os.WriteFile(configFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := build(configFile, "unused", "", io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestShortenList(t *testing.T) {
	const list = "package all\n\nimport (\n\t\"m/plugins\"\n\n\ta \"m/plugins/a\"\n\tb \"m/plugins/b\"\n)\n\nfunc Catalog() plugins.Catalog {\n\treturn plugins.Catalog{\n\t\ta.Plugin,\n\t\tb.Plugin,\n\t}\n}\n"
	got, err := shortenList([]byte(list), []bool{false, true})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("\ta \"m/plugins/a\"\n", "", "\t\ta.Plugin,\n", "").Replace(list)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if _, err := shortenList([]byte(list), []bool{true}); err == nil {
		t.Error("a list that is not of this catalog is accepted")
	}
}
