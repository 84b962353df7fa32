package redisconn

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/catalog"
)

// Needs holds what a component needs from a server.
type Needs struct {
	Modules []string // as MODULE LIST names them: timeseries, search, ReJSON
	Probes  [][]any  // commands that change nothing, to find out whether the user may run them
}

// Inspect examines a server that answers: its version, its modules, the rights of the user, and settings that will cause trouble.
// maxMemory is the number of bytes that all servers together may use, 0 for no limit.
func (c *Client) Inspect(ctx context.Context, needs Needs) (found catalog.Report, maxMemory float64) {
	stop := c.CutOn(ctx)
	defer stop()
	var mu sync.Mutex
	f := &found
	err := c.EachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		info, err := readInfo(ctx, node)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			f.Notes = append(f.Notes, info.describe(c.Clustered, node.Options().Addr))
			f.Warnings = append(f.Warnings, info.warn()...)
			maxMemory += info.number("maxmemory")
		}
		return err
	})
	if err != nil {
		f.Notes = append(f.Notes, "INFO fails, so version and memory are unknown: "+err.Error())
	}
	slices.Sort(f.Notes) // nodes answer in any order
	f.Notes = append(f.Notes, c.user(ctx)...)
	have, lack := c.lookForModules(ctx, needs.Modules)
	f.Notes = append(f.Notes, have...)
	f.Faults = slices.Concat(lack, c.probe(ctx, needs.Probes))
	return found, maxMemory
}

// EachMaster calls f for the server, or concurrently for every master of a cluster.
func (c *Client) EachMaster(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	switch u := c.UniversalClient.(type) {
	case *redis.ClusterClient:
		return u.ForEachMaster(ctx, f)
	case *redis.Client:
		return f(ctx, u)
	}
	return nil
}

// EachServer calls f for the server, or concurrently for every master and replica of a cluster. It asks the cluster for the list.
func (c *Client) EachServer(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	if u, ok := c.UniversalClient.(*redis.ClusterClient); ok {
		return u.ForEachShard(ctx, f)
	}
	return c.EachMaster(ctx, f)
}

// serverInfo holds the fields of INFO.
type serverInfo map[string]string

func readInfo(ctx context.Context, node *redis.Client) (serverInfo, error) {
	text, err := node.Info(ctx).Result()
	if err != nil {
		return nil, err
	}
	info := serverInfo{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[key] = value
		}
	}
	return info, nil
}

// Evictions returns how many keys the servers have evicted to free memory, and their policy for that. It needs the right to
// INFO.
func (c *Client) Evictions(ctx context.Context) (keys int64, policy string, err error) {
	var mu sync.Mutex
	err = c.EachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		info, err := readInfo(ctx, node)
		mu.Lock()
		defer mu.Unlock()
		if n := int64(info.number("evicted_keys")); n > 0 {
			keys, policy = keys+n, info["maxmemory_policy"]
		}
		return err
	})
	return keys, policy, err
}

func (i serverInfo) number(key string) float64 {
	n, _ := strconv.ParseFloat(i[key], 64)
	return n
}

func (i serverInfo) describe(clustered bool, addr string) string {
	name := "redis"
	if i["valkey_version"] != "" {
		name = "valkey"
	}
	limit := "no maxmemory"
	if i.number("maxmemory") > 0 {
		limit = fmt.Sprintf("of %s, %s", megabytes(i.number("maxmemory")), i["maxmemory_policy"])
	}
	place := ""
	if clustered {
		place = " at " + addr
	}
	return fmt.Sprintf("%s %s%s, %s, uses %s (%s)", name, i[name+"_version"], place, i["role"], megabytes(i.number("used_memory")), limit)
}

func megabytes(bytes float64) string { return fmt.Sprintf("%.1f MB", bytes/1e6) }

// nearlyFull is the fraction of maxmemory above which a server that evicts nothing gets a warning.
const nearlyFull = 0.9

func (i serverInfo) warn() []string {
	var out []string
	limit, policy := i.number("maxmemory"), i["maxmemory_policy"]
	switch {
	case i["role"] == "slave":
		out = append(out, "it is a read-only replica: configure the master")
	case limit > 0 && strings.HasPrefix(policy, "allkeys"):
		out = append(out, "maxmemory-policy "+policy+" evicts keys when memory is full: CONFIG SET maxmemory-policy noeviction")
	case limit > 0 && i.number("used_memory") > nearlyFull*limit:
		out = append(out, fmt.Sprintf("%.0f %% of maxmemory are used: when it is full, writes are refused; raise it or shorten the retention",
			100*i.number("used_memory")/limit))
	}
	if i["loading"] == "1" {
		out = append(out, "it is still loading its data")
	}
	if i["rdb_last_bgsave_status"] == "err" || i["aof_last_write_status"] == "err" {
		out = append(out, "it could not save to disk: see its log")
	}
	return out
}

func (c *Client) user(ctx context.Context) []string {
	name, err := c.Do(ctx, "ACL", "WHOAMI").Text()
	if err != nil {
		return nil // before Redis 6, or without the right to ask
	}
	return []string{"user " + name}
}

func (c *Client) lookForModules(ctx context.Context, wanted []string) (have, lack []string) {
	if len(wanted) == 0 {
		return nil, nil
	}
	modules, err := c.Modules(ctx)
	if err != nil {
		return []string{"MODULE LIST fails, so the versions of modules are unknown: " + err.Error()}, nil
	}
	for _, name := range wanted {
		if v := modules[name]; v > 0 {
			have = append(have, fmt.Sprintf("module %s %d.%d.%d", name, v/10000, v/100%100, v%100))
		} else {
			lack = append(lack, "module "+name+" is missing: use Redis 8 or Redis Stack, or load it")
		}
	}
	return have, lack
}

// probe runs the commands and returns one fault that names all missing rights, or nothing.
func (c *Client) probe(ctx context.Context, commands [][]any) []string {
	var rules []string
	user := c.config.shownUser()
	for _, command := range commands {
		err := c.Do(ctx, command...).Err()
		if err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			continue
		}
		if name := userIn(err.Error()); name != "" {
			user = name
		}
		if rule := Grant(err.Error()); !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	if len(rules) == 0 {
		return nil
	}
	return []string{"rights are missing: ACL SETUSER " + user + " " + strings.Join(rules, " ")}
}

// shownUser returns the configured user, or a placeholder if a secret store holds it.
func (c *Config) shownUser() string {
	if name, ok := literal(c.Username); ok {
		return name
	}
	if !c.Username.IsZero() || !c.URL.IsZero() {
		return anyUser
	}
	return "default"
}
