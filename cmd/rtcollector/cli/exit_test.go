package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// execute runs one command in this process.
func execute(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return executeUntil(t, t.Context(), func(string) {}, args...)
}

// executeUntil runs one command in this process until it ends or ctx is done. It calls watch with all output to stderr.
func executeUntil(t *testing.T, ctx context.Context, watch func(text string), args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out bytes.Buffer
	errs := watchedBuffer{watch: watch}
	code = cli.Main(ctx, args, cli.App{
		Version: "test", Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(),
		Stdout: &out, Stderr: &errs, Getenv: os.LookupEnv, GOOS: runtime.GOOS,
	})
	return code, out.String(), errs.String()
}

// watchedBuffer is a buffer that reports what is written to it. Several goroutines may write to stderr at once.
type watchedBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	watch func(text string)
}

func (w *watchedBuffer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watch(string(p))
	return w.b.Write(p)
}

func (w *watchedBuffer) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func writeConfig(t *testing.T, yaml string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestExitCodes: mistakes on the command line or in the configuration exit with 2, failures at run time with 1.
func TestExitCodes(t *testing.T) {
	wrong := writeConfig(t, "inputs: [nope]\noutputs: [stdout]\n")
	good := writeConfig(t, "inputs: []\noutputs: [stdout]\n")
	unreachable := writeConfig(t, "inputs: []\noutputs: [redistimeseries: {port: 1}]\n")
	unset := writeConfig(t, "inputs: []\noutputs: [{stdout: {}}, {redistimeseries: {port: 1, password: 'secret:not/there'}}]\n")
	for _, tc := range []struct {
		args string
		want int
	}{
		{"check --config " + good, 0},
		{"version", 0},
		{"check --config " + wrong, 2},
		{"run --config " + wrong, 2},
		{"once --config " + wrong, 2},
		{"--config " + wrong, 2},
		{"--once --config " + wrong, 2},
		{"check --config nope.yaml", 2},
		{"check --confg x", 2},
		{"chekc", 2},
		{"plugins", 0},
		{"plugins lst", 2},
		{"plugins list x", 2},
		{"plugins show", 2},
		{"check " + good, 2},
		{"logs --folow", 2},
		{"once --format xml --config " + good, 2},
		{"bench --series x", 2},
		{"demo --interval 1ns", 2},
		{"demo --redis 127.0.0.1:99999", 1},
		{"embedded --listen 127.0.0.1:99999", 1},
		{"embedded --listen 0.0.0.0:0", 2},
		{"embedded --password-file nope", 2},
		{"check --config " + t.TempDir(), 2},
		{"check --config " + unset, 2},
		{"once --write --config " + unset, 1},
		{"logs --redis 127.0.0.1:1", 1},
		{"logs --since yesterday", 2},
		{"plugins show nope", 2},
		{"check --connect --config " + unreachable, 1},
		{"once --write --config " + unreachable, 1},
		{"bench --redis redis://127.0.0.1:1", 1},
	} {
		if code, _, stderr := execute(t, strings.Fields(tc.args)...); code != tc.want {
			t.Errorf("%s: exit code %d, want %d\n%s", tc.args, code, tc.want, stderr)
		}
	}
}

// TestManyMistakes has more mistakes than are printed.
func TestManyMistakes(t *testing.T) {
	var yaml strings.Builder
	for i := range 100 {
		fmt.Fprintf(&yaml, "key%d: 1\n", i)
	}
	_, _, stderr := execute(t, "check", "--config", writeConfig(t, yaml.String()+"inputs: []\noutputs: [stdout]\n"))
	if lines := strings.Split(strings.TrimSpace(stderr), "\n"); len(lines) != 31 || lines[30] != "… and 70 more" {
		t.Errorf("%d lines:\n%s", len(lines), stderr)
	}
}
