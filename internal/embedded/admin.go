package embedded

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const errWrongPass = "WRONGPASS invalid username-password pair or user is disabled."

func srvPing(c *conn, args [][]byte) {
	switch {
	case len(args) > 2:
		c.out.Error("ERR wrong number of arguments for 'ping' command")
	case c.subs.count() > 0 && !c.out.RESP3:
		c.out.Array(2)
		c.out.Bulk("pong")
		c.out.BulkBytes(bytes.Join(args[1:], nil))
	case len(args) == 1:
		c.out.Simple("PONG")
	default:
		c.out.BulkBytes(args[1])
	}
}

func srvEcho(c *conn, args [][]byte) { c.out.BulkBytes(args[1]) }

func srvTime(c *conn, _ [][]byte) {
	now := c.srv.store.now()
	c.out.Array(2)
	c.out.Bulk(strconv.FormatInt(now.Unix(), 10))
	c.out.Bulk(strconv.Itoa(now.Nanosecond() / 1000))
}

// srvWait answers at once: there are no replicas to wait for.
func srvWait(c *conn, _ [][]byte) { c.out.Int(0) }

func srvCluster(c *conn, _ [][]byte) {
	c.out.Error("ERR This instance has cluster support disabled")
}

func srvQuit(c *conn, _ [][]byte) {
	c.out.OK()
	c.quit = true
}

func srvSelect(c *conn, args [][]byte) {
	if _, ok := resp.ParseInt(args[1]); !ok {
		c.out.Error(resp.ErrNotInteger)
		return
	}
	db, ok := parseDB(args[1])
	if !ok {
		c.out.Error("ERR DB index is out of range")
		return
	}
	c.db = db
	c.out.OK()
}

// login checks a password; text is the error to answer.
func (c *conn) login(user, password []byte) (text resp.Error) {
	if c.srv.cfg.Password == "" {
		if resp.IsWord(user, "DEFAULT") {
			return ""
		}
		return errWrongPass
	}
	given, want := sha256.Sum256(password), sha256.Sum256([]byte(c.srv.cfg.Password)) // of one length, which hides the password's
	right := subtle.ConstantTimeCompare(given[:], want[:]) == 1
	if string(user) != "default" || !right {
		return errWrongPass
	}
	c.authed, c.in.Authenticated = true, true
	return ""
}

func srvAuth(c *conn, args [][]byte) {
	user := []byte("default")
	switch {
	case len(args) > 3:
		c.out.Error("ERR syntax error")
		return
	case len(args) == 3:
		user = args[1]
	case c.srv.cfg.Password == "":
		c.out.Error("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
		return
	}
	if text := c.login(user, args[len(args)-1]); text != "" {
		c.out.Error(text)
		return
	}
	c.out.OK()
}

func srvHello(c *conn, args [][]byte) {
	resp3, name := c.out.RESP3, c.name
	if len(args) > 1 {
		v, ok := resp.ParseInt(args[1])
		if !ok || v != 2 && v != 3 {
			c.out.Error("NOPROTO unsupported protocol version")
			return
		}
		resp3 = v == 3
	}
	for rest := args[min(2, len(args)):]; len(rest) > 0; {
		switch {
		case resp.IsWord(rest[0], "AUTH") && len(rest) > 2:
			if text := c.login(rest[1], rest[2]); text != "" {
				c.out.Error(text)
				return
			}
			rest = rest[3:]
		case resp.IsWord(rest[0], "SETNAME") && len(rest) > 1:
			if name, rest = string(rest[1]), rest[2:]; !isClientName(name) {
				c.out.Error(errClientName)
				return
			}
		default:
			c.out.Error(resp.Error("ERR Syntax error in HELLO option '" + string(rest[0]) + "'"))
			return
		}
	}
	if !c.authed {
		c.out.Error("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
		return
	}
	c.name, c.out.RESP3 = name, resp3
	c.pushMu.Lock()
	c.pushed.RESP3 = resp3
	c.pushMu.Unlock()
	c.helloReply()
}

func (c *conn) helloReply() {
	proto := int64(2)
	if c.out.RESP3 {
		proto = 3
	}
	c.out.Map(7)
	for _, kv := range [][2]string{{"server", "redis"}, {"version", redisVersion}, {"mode", "standalone"}, {"role", "master"}} {
		c.out.Bulk(kv[0])
		c.out.Bulk(kv[1])
	}
	c.out.Bulk("proto")
	c.out.Int(proto)
	c.out.Bulk("id")
	c.out.Int(c.id)
	c.out.Bulk("modules")
	c.modules()
}

func (c *conn) modules() {
	list := servedModules()
	c.out.Array(len(list))
	for _, m := range list {
		c.out.Map(4)
		c.out.Bulk("name")
		c.out.Bulk(m.name)
		c.out.Bulk("ver")
		c.out.Int(m.version)
		c.out.Bulk("path")
		c.out.Bulk("")
		c.out.Bulk("args")
		c.out.Array(0)
	}
}

func srvModule(c *conn, args [][]byte) {
	if !resp.IsWord(args[1], "LIST") {
		c.unknownSub("MODULE", args[1])
		return
	}
	c.modules()
}

func (c *conn) unknownSub(command string, sub []byte) {
	c.out.Error(resp.Error(fmt.Sprintf("ERR unknown subcommand '%.128s'. Try %s HELP.", sub, command)))
}

// srvCommand: clients ask for help texts and key positions; they cope with
// empty answers.
func srvCommand(c *conn, args [][]byte) {
	switch {
	case len(args) == 1:
		c.describeCommands()
	case resp.IsWord(args[1], "COUNT"):
		c.out.Int(int64(len(c.srv.commands)))
	case resp.IsWord(args[1], "DOCS"):
		c.out.Map(0)
	case resp.IsWord(args[1], "INFO"):
		c.out.Array(len(args) - 2)
		for range args[2:] {
			c.out.NullArray()
		}
	case resp.IsWord(args[1], "LIST"):
		names := make([]string, 0, len(c.srv.commands))
		for _, cmd := range c.srv.commands {
			names = append(names, cmd.name)
		}
		slices.Sort(names)
		c.out.Bulks(names)
	default:
		c.unknownSub("COMMAND", args[1])
	}
}

// describeCommands answers COMMAND. The places of keys are right for nearly all.
func (c *conn) describeCommands() {
	c.out.Array(len(c.srv.commands))
	for _, cmd := range c.srv.commands {
		kind := "readonly"
		if cmd.flags&flagWrite != 0 {
			kind = "write"
		}
		c.out.Array(6)
		c.out.Bulk(cmd.name)
		c.out.Int(int64(cmd.arity))
		c.out.Array(1)
		c.out.Simple(kind)
		c.out.Int(1)
		c.out.Int(1)
		c.out.Int(1)
	}
}

func srvConfig(c *conn, args [][]byte) {
	switch {
	case resp.IsWord(args[1], "GET") && len(args) > 2:
		c.configGet(args[2:])
	case resp.IsWord(args[1], "RESETSTAT"):
		c.out.OK()
	case resp.IsWord(args[1], "SET"):
		c.out.Error("ERR CONFIG SET is not supported by rtcollector's embedded server")
	default:
		c.unknownSub("CONFIG", args[1])
	}
}

func (c *conn) configGet(patterns [][]byte) {
	known := [][2]string{
		{"appendonly", "no"}, {"databases", strconv.Itoa(databases)}, {"maxclients", strconv.Itoa(maxClients)},
		{"maxmemory", "0"}, {"maxmemory-policy", "noeviction"}, {"save", ""}, {"timeout", "0"},
	}
	var found [][2]string
	for _, kv := range known {
		if slices.ContainsFunc(patterns, func(p []byte) bool { return glob(strings.ToLower(string(p)), kv[0]) }) {
			found = append(found, kv)
		}
	}
	c.out.Map(len(found))
	for _, kv := range found {
		c.out.Bulk(kv[0])
		c.out.Bulk(kv[1])
	}
}

func srvSlowlog(c *conn, args [][]byte) {
	switch {
	case resp.IsWord(args[1], "GET"):
		c.out.Array(0)
	case resp.IsWord(args[1], "LEN"):
		c.out.Int(0)
	case resp.IsWord(args[1], "RESET"):
		c.out.OK()
	default:
		c.unknownSub("SLOWLOG", args[1])
	}
}

func srvInfo(c *conn, args [][]byte) {
	var b strings.Builder
	for _, sec := range c.srv.infoSections() {
		wanted := len(args) == 1 || slices.ContainsFunc(args[1:], func(a []byte) bool {
			return strings.EqualFold(string(a), sec[0]) || resp.IsWord(a, "ALL") || resp.IsWord(a, "EVERYTHING") || resp.IsWord(a, "DEFAULT")
		})
		if wanted {
			fmt.Fprintf(&b, "# %s\r\n%s\r\n", sec[0], sec[1])
		}
	}
	c.out.Verbatim(b.String())
}

func (s *Server) infoSections() [][2]string {
	st := s.Stats()
	up := int64(time.Since(s.started).Seconds())
	_, port, _ := strings.Cut(path.Base(s.Addr()), ":")
	return [][2]string{
		{"Server", fmt.Sprintf("redis_version:%s\r\nredis_mode:standalone\r\nrtcollector_embedded:1\r\nrtcollector_volatile:1\r\nos:%s %s\r\narch_bits:%d\r\nprocess_id:%d\r\ntcp_port:%s\r\nuptime_in_seconds:%d\r\nuptime_in_days:%d\r\n",
			redisVersion, runtime.GOOS, runtime.GOARCH, strconv.IntSize, os.Getpid(), port, up, up/86400)},
		{"Clients", fmt.Sprintf("connected_clients:%d\r\nmaxclients:%d\r\nrtcollector_client_buffers:%d\r\nrtcollector_max_client_buffers:%d\r\n", st.Clients, maxClients, s.clients.Used(), s.clients.Max())},
		{"Memory", fmt.Sprintf("used_memory:%d\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n", st.Bytes)},
		{"Persistence", "loading:0\r\naof_enabled:0\r\n"},
		{"Stats", fmt.Sprintf("total_connections_received:%d\r\ntotal_commands_processed:%d\r\n", s.accepted.Load(), st.Commands)},
		{"Replication", "role:master\r\nconnected_slaves:0\r\n"},
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
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	for i, d := range s.store.dbs {
		if n := d.size(); n > 0 {
			fmt.Fprintf(&b, "db%d:keys=%d,expires=%d,avg_ttl=0\r\n", i, n, len(d.ttl.at))
		}
	}
	return b.String()
}
