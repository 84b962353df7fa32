package connections

import (
	"log/slog"
	"net"
	"os/exec"
	"testing"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/remotename"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// named is the input with a name for every remote end, because this machine may know none.
func named() plugins.Definition {
	return plugins.Serve("connections", "the input with names", defaults, func(env plugins.Env, c Config) (*input, error) {
		in, err := build(env, c)
		in.names = func(*Config, *slog.Logger) remotename.Namer { return &everyName{} }
		return in, err
	}).On("linux").OnRequest().Doc(readme)
}

type everyName struct{ fakeNames }

func (*everyName) Lookup(remotename.Conn) (remotename.Name, bool) {
	return remotename.Name{Name: "some.example", Source: connlog.FromPTR}, true
}

func TestConformance(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	child := exec.Command("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/"+servicetest.PortOf(l.Addr().String())+"; echo; read line")
	output, _ := child.StdoutPipe()
	input, err := child.StdinPipe()
	if err != nil || child.Start() != nil {
		t.Skip("no bash")
	}
	defer child.Wait()
	defer input.Close()
	_, _ = output.Read(make([]byte, 1)) // it is connected
	plugintest.Run(t, named(),
		plugintest.Case{Name: "polling", Config: "{source: poll, patterns: []}", Allocs: 50_000},
		plugintest.Case{Name: "events", Config: "{source: auto, patterns: [], domains: capture, measure_programs: true}", Allocs: 50_000},
	)
}

func TestConfig(t *testing.T) {
	plugintest.Configs(t, Plugin, map[string]string{
		"{}":                                               "",
		"{patterns: [], pids: [1]}":                        "",
		"{source: kprobe}":                                 "source: must be one of auto, ebpf, poll",
		"{domains: dns}":                                   "domains: must be one of ptr, capture, off",
		"{patterns: ['']}":                                 "an empty list means every process",
		"{exclude_patterns: [' ']}":                        "has an empty entry",
		"{pids: [0]}":                                      "0 is not a process ID",
		"{udp_idle: 10ms}":                                 "must be at least 1s",
		"{top_domains: 5000}":                              "must be between 0 and 1000",
		"{alerts: {max_connections: -1}}":                  "must not be negative",
		"{alerts: {domains: ['[']}}":                       "must be a glob",
		"{providers: {mode: add}}":                         "providers.mode: must be one of merge, replace",
		"{providers: {list: [{name: x}]}}":                 "has neither processes nor domains",
		"{providers: {list: [{domains: [a]}]}}":            "an entry has no name",
		"{domains: 'off', alerts: {unknown_domain: true}}": "never raised with domains: off",
		"{alerts: {domain: [x]}}":                          "domains",
	})
}

// Users' globs and regular expressions match in any case, and never more than the whole name.
func TestDomainPatterns(t *testing.T) {
	for pattern, c := range map[string]struct{ matches, misses string }{
		"*.OpenAI.com":  {"api.openai.com", "openai.com"},
		"openai.com":    {"openai.com", "xopenai.com"},
		"~^API\\.":      {"api.x", "xapi.x"},
		"a[12].example": {"a1.example", "a3.example"},
	} {
		list := domainPatterns(pattern)
		if !list.match(nameOf(c.matches)) || list.match(nameOf(c.misses)) || list.match(nameOf("")) {
			t.Errorf("%s must match %s only", pattern, c.matches)
		}
	}
}
