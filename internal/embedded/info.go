package embedded

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// redisVersion is the version of the Redis whose replies the tests replay.
const redisVersion = "8.0.6"

type servedModule struct {
	name    string
	version int64
}

// servedModules returns the modules whose commands are served, with the versions
// whose replies the tests replay.
func servedModules() []servedModule {
	return []servedModule{{"timeseries", 80005}, {"ReJSON", 80008}, {"search", 80002}}
}

func (c *conn) writeModules() {
	list := servedModules()
	c.Out.Array(len(list))
	for _, m := range list {
		c.Out.Map(4)
		c.Out.Bulk("name")
		c.Out.Bulk(m.name)
		c.Out.Bulk("ver")
		c.Out.Int(m.version)
		c.Out.Bulk("path")
		c.Out.Bulk("")
		c.Out.Bulk("args")
		c.Out.Array(0)
	}
}

func (c *conn) runModule(args [][]byte) {
	if !resp.IsWord(args[1], "LIST") {
		c.FailSubcommand(args[1])
		return
	}
	c.writeModules()
}

// runCommand answers COMMAND. Clients ask for help texts and key positions and
// accept empty answers.
func (c *conn) runCommand(args [][]byte) {
	switch {
	case len(args) == 1:
		c.writeCommands()
	case resp.IsWord(args[1], "COUNT"):
		c.Out.Int(int64(len(c.server.commands)))
	case resp.IsWord(args[1], "DOCS"):
		c.Out.Map(0)
	case resp.IsWord(args[1], "INFO"):
		c.Out.Array(len(args) - 2)
		for range args[2:] {
			c.Out.NullArray()
		}
	case resp.IsWord(args[1], "LIST"):
		names := make([]string, 0, len(c.server.commands))
		for _, cmd := range c.server.commands {
			names = append(names, cmd.Name)
		}
		slices.Sort(names)
		c.Out.Bulks(names)
	default:
		c.FailSubcommand(args[1])
	}
}

// writeCommands answers the description of all commands. The key positions (1, 1,
// 1) are right for most commands only.
func (c *conn) writeCommands() {
	c.Out.Array(len(c.server.commands))
	for _, cmd := range c.server.commands {
		kind := "readonly"
		if cmd.has(keyspace.FlagWrite) {
			kind = "write"
		}
		c.Out.Array(6)
		c.Out.Bulk(cmd.Name)
		c.Out.Int(int64(cmd.Arity))
		c.Out.Array(1)
		c.Out.Simple(kind)
		c.Out.Int(1)
		c.Out.Int(1)
		c.Out.Int(1)
	}
}

func (c *conn) runConfig(args [][]byte) {
	switch {
	case resp.IsWord(args[1], "GET") && len(args) > 2:
		c.writeSettings(args[2:])
	case resp.IsWord(args[1], "RESETSTAT"):
		c.Out.OK()
	case resp.IsWord(args[1], "SET"):
		c.Fail("ERR CONFIG SET is not supported by rtcollector's embedded server")
	default:
		c.FailSubcommand(args[1])
	}
}

func (c *conn) writeSettings(patterns [][]byte) {
	var found [][2]string
	for _, setting := range [][2]string{
		{"appendonly", "no"}, {"databases", strconv.Itoa(keyspace.Databases)}, {"maxclients", strconv.Itoa(maxClients)},
		{"maxmemory", "0"}, {"maxmemory-policy", "noeviction"}, {"save", ""}, {"timeout", "0"},
	} {
		if slices.ContainsFunc(patterns, func(p []byte) bool { return keyspace.MatchPattern(strings.ToLower(string(p)), setting[0]) }) {
			found = append(found, setting)
		}
	}
	c.Out.Map(len(found))
	for _, setting := range found {
		c.Out.Bulk(setting[0])
		c.Out.Bulk(setting[1])
	}
}

func (c *conn) runSlowlog(args [][]byte) {
	switch {
	case resp.IsWord(args[1], "GET"):
		c.Out.Array(0)
	case resp.IsWord(args[1], "LEN"):
		c.Out.Int(0)
	case resp.IsWord(args[1], "RESET"):
		c.Out.OK()
	default:
		c.FailSubcommand(args[1])
	}
}

func (c *conn) runInfo(args [][]byte) {
	var b strings.Builder
	for _, section := range c.server.infoSections() {
		isWanted := len(args) == 1 || slices.ContainsFunc(args[1:], func(a []byte) bool {
			return strings.EqualFold(string(a), section.name) || resp.IsWord(a, "ALL") || resp.IsWord(a, "EVERYTHING") || resp.IsWord(a, "DEFAULT")
		})
		if isWanted {
			fmt.Fprintf(&b, "# %s\r\n%s\r\n", section.name, section.text)
		}
	}
	c.Out.Verbatim(b.String())
}

type infoSection struct{ name, text string }

func (s *Server) infoSections() []infoSection {
	st := s.Stats()
	uptime := int64(time.Since(s.started).Seconds())
	_, port, _ := strings.Cut(path.Base(s.Addr()), ":")
	return []infoSection{
		{"Server", fmt.Sprintf("redis_version:%s\r\nredis_mode:standalone\r\nrtcollector_embedded:1\r\nrtcollector_volatile:1\r\nos:%s %s\r\narch_bits:%d\r\nprocess_id:%d\r\ntcp_port:%s\r\nuptime_in_seconds:%d\r\nuptime_in_days:%d\r\n",
			redisVersion, runtime.GOOS, runtime.GOARCH, strconv.IntSize, os.Getpid(), port, uptime, uptime/86400)},
		{"Clients", fmt.Sprintf("connected_clients:%d\r\nmaxclients:%d\r\nrtcollector_client_buffers:%d\r\nrtcollector_max_client_buffers:%d\r\n",
			st.Clients, maxClients, s.clientMemory.Used(), s.clientMemory.Max())},
		{"Memory", fmt.Sprintf("used_memory:%d\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n", st.Bytes)},
		{"Persistence", "loading:0\r\naof_enabled:0\r\n"},
		{"Stats", fmt.Sprintf("total_connections_received:%d\r\ntotal_commands_processed:%d\r\n", s.accepted.Load(), st.Commands)},
		{"Replication", "role:master\r\nconnected_slaves:0\r\n"},
		{"CPU", infoCPU()},
		{"Modules", infoModules()},
		{"Cluster", "cluster_enabled:0\r\n"},
		{"Timeseries", fmt.Sprintf("rtcollector_series:%d\r\nrtcollector_max_series:%d\r\nrtcollector_samples:%d\r\nrtcollector_max_samples:%d\r\n",
			st.Series, s.cfg.MaxSeries, st.Samples, s.cfg.MaxSamples)},
		{"Documents", fmt.Sprintf("rtcollector_documents:%d\r\nrtcollector_max_documents:%d\r\n", st.Documents, s.cfg.MaxDocuments)},
		{"Ordinary", fmt.Sprintf("rtcollector_ordinary_bytes:%d\r\nrtcollector_max_ordinary_bytes:%d\r\n", st.Ordinary, s.cfg.MaxObjectBytes)},
		{"Keyspace", s.infoKeyspace()},
	}
}

func infoModules() string {
	var b strings.Builder
	for _, m := range servedModules() {
		fmt.Fprintf(&b, "module:name=%s,ver=%d,api=1,filters=0,usedby=[],using=[],options=[]\r\n", m.name, m.version)
	}
	return b.String()
}

func (s *Server) infoKeyspace() string {
	var b strings.Builder
	s.eachDatabase(func(db int, d *keyspace.Database) {
		if n := d.Len(); n > 0 {
			fmt.Fprintf(&b, "db%d:keys=%d,expires=%d,avg_ttl=0\r\n", db, n, d.DeadlineCount())
		}
	})
	return b.String()
}
