package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

// evil contains sequences that a terminal would obey: erase the screen, set the title, C1, change the writing direction.
const evil = "a\x1b[2J\x1b]0;t\x07\u009b31m\u202eb"

// angryRedis answers every command with an error that a terminal would obey. It is a fake: no server sends such texts by
// itself.
func angryRedis(t *testing.T) (addr string) {
	t.Helper()
	return servicetest.ServeRaw(t, func(c net.Conn) {
		for lines := bufio.NewScanner(c); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "*") {
				_, _ = fmt.Fprintf(c, "-ERR %s\r\n", evil)
			}
		}
	})
}

// TestHostileNames gives every command names and replies with control sequences. None reaches the terminal.
func TestHostileNames(t *testing.T) {
	redis := angryRedis(t)
	_, port, _ := net.SplitHostPort(redis)
	quoted := `"a\e[2J\e]0;t\a\x9b31m\u202eb"`
	good := writeConfig(t, fmt.Sprintf("hostname: %s\ntags: {x: %s}\ninputs: [{internal: {alias: %s}}]\noutputs: [stdout, redistimeseries: {port: %s, alias: %[2]s}]\n",
		quoted, quoted, quoted, port))
	asJSON := writeConfig(t, fmt.Sprintf("hostname: %s\nlog_format: json\ninterval: 100ms\ninputs: []\noutputs: [stdout: {format: json}, redistimeseries: {port: %s}]\n", quoted, port))
	text := writeConfig(t, fmt.Sprintf("hostname: %s\ninterval: 100ms\ninputs: []\noutputs: [stdout, redistimeseries: {port: %s}]\n", quoted, port))
	wrong := writeConfig(t, fmt.Sprintf("%s: 1\ninputs: [%[1]s, internal: {%[1]s: 1, tags: {a: [%[1]s]}}]\noutputs: [%[1]s]\n", quoted))
	for name, args := range map[string][]string{
		"check":             {"check", "--config", good},
		"check --connect":   {"check", "--connect", "--config", good},
		"check of mistakes": {"check", "--config", wrong},
		"once":              {"once", "--config", good},
		"once json":         {"once", "--format", "json", "--config", good},
		"once --format":     {"once", "--format", evil, "--config", good},
		"--once":            {"--once", "--config", good},
		"run, debug":        {"run", "-d", "--config", text},
		"run, logs in json": {"run", "-d", "--config", asJSON},
		"logs":              {"logs", "--redis", redis},
		"logs --severity":   {"logs", "--severity", evil},
		"logs --since":      {"logs", "--since", evil},
		"logs --json":       {"logs", "--json", "--redis", redis},
		"logs --output":     {"logs", "--output", evil, "--config", good},
		"logs elsewhere":    {"logs", "--redis", evil},
		"bench":             {"bench", "--redis", "redis://" + redis},
		"demo":              {"demo", "--redis", evil},
		"embedded":          {"embedded", "--listen", evil},
		"a command":         {evil},
		"a plugin":          {"plugins", "show", evil},
		"a plugins command": {"plugins", evil},
		"a flag":            {"check", "--" + evil},
		"a file":            {"check", "--config", filepath.Join(t.TempDir(), evil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			until := func(string) {}
			if strings.HasPrefix(name, "run") {
				until = func(line string) { // the server's answer is in the log
					if strings.Contains(line, "[2J") && strings.Contains(line, "ERR") {
						cancel()
					}
				}
			}
			_, stdout, stderr := executeUntil(t, ctx, until, args...)
			cancel()
			if stdout+stderr == "" {
				t.Error("says nothing")
			}
			for line := range strings.SplitSeq(stdout+stderr, "\n") {
				line = strings.ReplaceAll(line, "\t", " ")
				if got := terminal.Line(line); got != line {
					t.Errorf("prints %q", line)
				}
			}
		})
	}
}
