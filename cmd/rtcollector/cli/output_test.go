package cli_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// fullDisk accepts a number of bytes and then fails, like a disk that is nearly full.
type fullDisk struct{ left int }

func (f *fullDisk) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
	}
	return len(p), nil
}

// printingCommands are commands that print something, by name.
func printingCommands(t *testing.T) map[string][]string {
	good := writeConfig(t, "interval: 100ms\ninputs: []\noutputs: [stdout]\n")
	asJSON := writeConfig(t, "interval: 100ms\ninputs: []\noutputs: [stdout: {format: json}]\n")
	return map[string][]string{
		"version":        {"version"},
		"--version":      {"--version"},
		"--help":         {"--help"},
		"no arguments":   {"plugins"},
		"check":          {"check", "--config", good},
		"once":           {"once", "--config", good},
		"once json":      {"once", "--format", "json", "--config", good},
		"--once":         {"--once", "--config", asJSON},
		"plugins list":   {"plugins", "list"},
		"plugins show":   {"plugins", "show", "stdout"},
		"plugins sample": {"plugins", "sample"},
		"demo":           {"demo", "--redis", "127.0.0.1:0", "--web", "127.0.0.1:0"},
		"embedded":       {"embedded", "--listen", "127.0.0.1:0"},
	}
}

// executeInto runs a command that prints to w.
func executeInto(ctx context.Context, w io.Writer, args ...string) (code int, stderr string) {
	var errs watchedBuffer
	errs.watch = func(string) {}
	code = cli.Main(ctx, args, cli.App{
		Version: "test", Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(),
		Stdout: w, Stderr: &errs, Getenv: os.LookupEnv, GOOS: runtime.GOOS,
	})
	return code, errs.String()
}

// TestFullDisk: a command that cannot print fails and prints the reason once.
func TestFullDisk(t *testing.T) {
	for name, args := range printingCommands(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stderr := executeInto(t.Context(), &fullDisk{left: 4}, args...)
			const want = "no space left on device"
			if code != 1 || strings.Count(stderr, want) != 1 || !strings.Contains(stderr, "standard output: "+want+"\n") {
				t.Errorf("exit code %d:\n%s", code, stderr)
			}
		})
	}
}

// TestReaderGone: a command whose reader has ended ends as well, without a message.
func TestReaderGone(t *testing.T) {
	for name, args := range printingCommands(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			_ = r.Close()
			defer w.Close()
			code, stderr := executeInto(t.Context(), w, args...)
			if code != 0 || strings.Contains(stderr, "pipe") {
				t.Errorf("exit code %d:\n%s", code, stderr)
			}
		})
	}
}

// TestPipeSignal: the program is not killed by SIGPIPE when it runs as a separate process.
func TestPipeSignal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	defer w.Close()
	cmd := exec.Command(os.Args[0], "plugins", "list")
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("%v: %s", err, &stderr)
	}
}

// A broken connection to Redis does not count as a reader that has ended.
func TestServerGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	if code, stderr := executeInto(t.Context(), io.Discard, "logs", "--redis", addr); code != 1 || stderr == "" {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
