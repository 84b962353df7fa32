//go:build linux

package cli_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// maxImage is the largest download that we accept for the image, in bytes.
const maxImage = 15 << 20

// dockerDaemon is a daemon of its own, in its own name spaces for mounts and the network.
type dockerDaemon struct{ *servicetest.Daemon }

func startDockerDaemon(t *testing.T) dockerDaemon {
	t.Helper()
	servicetest.RequireCommands(t, "docker.io", "dockerd", "docker")
	servicetest.RequireCommands(t, "curl", "curl")
	servicetest.RequireNamespaces(t, "--mount", "--net")
	d := dockerDaemon{servicetest.New(t)}
	d.StopSignal = syscall.SIGTERM
	d.Ready = func(ctx context.Context) error {
		return exec.CommandContext(ctx, "curl", "-sf", "--unix-socket", d.Dir+"/socket", "http://d/_ping").Run()
	}
	d.Args = []string{
		"unshare", "--mount", "--net", "dockerd", "--data-root", d.Dir + "/data", "--exec-root", d.Dir + "/exec", "--pidfile", d.Dir + "/pid", "-H", "unix://" + d.Dir + "/socket",
		"--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false",
	}
	d.Run()
	return d
}

func (d dockerDaemon) command(args ...string) *exec.Cmd {
	cmd := exec.Command("docker", append([]string{"-H", "unix://" + d.Dir + "/socket"}, args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0") // the builder that is part of the daemon
	return cmd
}

// buildImage builds the image of examples/docker/Dockerfile. Its first stage needs a registry, so the program is built here, and the second
// stage takes it from the folder of the build.
func (d dockerDaemon) buildImage(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	dockerfile, err := os.ReadFile("../../../examples/docker/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, stage, ok := strings.Cut(string(dockerfile), "\nFROM scratch\n")
	if !ok {
		t.Fatal("the image is not made from scratch")
	}
	stage = "FROM scratch\n" + strings.ReplaceAll(stage, "COPY --from=build /", "COPY ")
	certificates := filepath.Join(dir, "etc/ssl/certs/ca-certificates.crt")
	err = errors.Join(os.MkdirAll(filepath.Dir(certificates), 0o755), os.WriteFile(certificates, nil, 0o600), os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(stage), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, "rtcollector"), "github.com/rtcollector/rtcollector/cmd/rtcollector")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	d.Output(build)
	d.Output(d.command("build", "-t", "rtcollector:test", dir))
}

// TestImage builds the image and runs it as compose.yaml does: without rights, with the host's file systems, until Docker finds it healthy.
func TestImage(t *testing.T) {
	d := startDockerDaemon(t)
	d.buildImage(t)
	if size := compressedSize(t, d.command("save", "rtcollector:test")); size > maxImage {
		t.Errorf("the image has %d bytes, compressed", size)
	} else {
		t.Logf("the image has %.1f MB, compressed", float64(size)/1e6)
	}
	config := filepath.Join(d.Dir, "config.yaml")
	text := "interval: 1s\ninputs: [system, net, disk]\nweb: {}\noutputs: [{redistimeseries: {port: 1}}, {stdout: {format: json}}]\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil { //nolint:gosec // the container runs as another user
		t.Fatal(err)
	}
	id := d.Output(d.command("run", "-d", "--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true", "--health-interval", "1s",
		"-v", "/:/host:ro", "-v", config+":/etc/rtcollector/config.yaml:ro", "rtcollector:test"))
	t.Cleanup(func() { _ = d.command("rm", "-f", id).Run() })
	servicetest.Until(t, "the container is healthy", func(context.Context) error {
		if got := d.Output(d.command("inspect", "--format", "{{.State.Status}} {{.State.Health.Status}}", id)); got != "running healthy" {
			return errors.New(got + "\n" + d.Output(d.command("logs", id)))
		}
		return nil
	})
	want := []string{`"system_load1"`, `"mount":"root"`}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces { // the container itself only has lo
		want = append(want, `"iface":"`+i.Name+`"`)
	}
	servicetest.Until(t, "the host is reported", func(context.Context) error {
		logs := d.Output(d.command("logs", id))
		for _, text := range want {
			if !strings.Contains(logs, text) {
				return fmt.Errorf("no %s in:\n%s", text, logs)
			}
		}
		return nil
	})
	if got := d.Output(d.command("inspect", "--format", "{{.Config.User}}", id)); got != "65534:65534" {
		t.Errorf("it runs as %q", got)
	}
	d.Output(d.command("stop", id))
	// The Redis of this configuration does not exist, so samples are lost: exit status 1.
	if got := d.Output(d.command("inspect", "--format", "{{.State.ExitCode}}", id)); got != "1" {
		t.Errorf("it ended with %s:\n%s", got, d.Output(d.command("logs", id)))
	}
}

// compressedSize returns the size of what a command prints, compressed as registries do.
func compressedSize(t *testing.T, cmd *exec.Cmd) int64 {
	t.Helper()
	var size counter
	compressed := gzip.NewWriter(&size)
	cmd.Stdout = compressed
	if err := errors.Join(cmd.Run(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return int64(size)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
