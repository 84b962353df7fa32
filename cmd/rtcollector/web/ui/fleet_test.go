package ui_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// invented are the names of the hosts of a fleet; after them come node-NN.
var invented = []struct{ name, env string }{
	{"atlas", "prod"}, {"borg", "lab"}, {"cedar", "lab"}, {"delta-nas", "nas"}, {"edge-01", "edge"}, {"edge-02", "edge"}, {"fern", "prod"}, {"gate", "router"}, {"hive", "prod"},
}

// silentHost wrote nothing in the last 14 minutes of a fleet. fullHost's /srv is full in some days.
const (
	silentHost = "edge-01"
	fullHost   = "delta-nas"
	silence    = 14 * time.Minute
)

// series is one series of a fleet: its labels in pairs, and its value at a time, t seconds before the end (t ≤ 0).
type series struct {
	labels []string
	value  func(t float64) float64
}

func hostName(i int) (name, env string) {
	if i < len(invented) {
		return invented[i].name, invented[i].env
	}
	return fmt.Sprintf("node-%02d", i), "lab"
}

// noise is a smooth curve around 0 with an amplitude of about 1, different for each name.
func noise(name string) func(t float64) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	seed := h.Sum64()
	phase := func(n uint) float64 { return float64(seed>>n&0xff) / 255 * 2 * math.Pi }
	return func(t float64) float64 {
		grain := math.Sin(t*12.9898+phase(3)) * 43758.5453
		return 0.5*math.Sin(t/1490+phase(0)) + 0.3*math.Sin(t/310+phase(8)) + 0.2*math.Sin(t/77+phase(16)) + 0.25*(grain-math.Floor(grain)-0.5)
	}
}

// hostSeries are the about 60 series of a host that the pages draw.
func hostSeries(i int) []series {
	host, env := hostName(i)
	var all []series
	add := func(name, unit, source string, value func(t float64) float64, labels ...string) {
		pairs := append([]string{"__name__", name, "host", host, "source", source, "env", env}, labels...)
		if unit != "" {
			pairs = append(pairs, "unit", unit)
		}
		all = append(all, series{pairs, value})
	}
	around := func(key string, middle, spread float64) func(float64) float64 {
		n := noise(host + key)
		return func(t float64) float64 { return math.Max(0, middle+spread*n(t)) }
	}
	constant := func(v float64) func(float64) float64 { return func(float64) float64 { return v } }
	counter := func(rate func(float64) float64, middle float64) func(float64) float64 {
		return func(t float64) float64 { return math.Floor(1e9 + middle*(t+864000)) }
	}
	level := 8 + float64(i*7%40)
	for _, core := range []string{"cpu-total", "0", "1", "2", "3"} {
		user := around("user"+core, level, level/1.6)
		add("cpu_usage_user", "percent", "linux_cpu", user, "core", core)
		add("cpu_usage_active", "percent", "linux_cpu", func(t float64) float64 { return user(t) * 1.4 }, "core", core)
	}
	add("cpu_usage_system", "percent", "linux_cpu", around("system", level/3, level/6), "core", "cpu-total")
	add("cpu_usage_iowait", "percent", "linux_cpu", around("iowait", 2, 2), "core", "cpu-total")
	const gib = 1 << 30
	total := 8 * float64(int(1)<<(i%3)) * gib
	used := around("mem", 0.35+float64(i%5)/10, 0.04)
	add("mem_total", "bytes", "linux_mem", constant(total))
	add("mem_used", "bytes", "linux_mem", func(t float64) float64 { return total * used(t) })
	add("mem_used_percent", "percent", "linux_mem", func(t float64) float64 { return 100 * used(t) })
	add("mem_available_percent", "percent", "linux_mem", func(t float64) float64 { return 95 - 100*used(t) })
	add("mem_cached", "bytes", "linux_mem", around("cached", total/8, total/100))
	for _, resource := range []string{"cpu", "memory", "io"} {
		add("kernel_pressure_avg10", "percent", "kernel", around("psi"+resource, 0.6, 0.9), "resource", resource, "type", "some")
		add("kernel_pressure_avg60", "percent", "kernel", around("psi60"+resource, 0.5, 0.4), "resource", resource, "type", "some")
	}
	add("system_load1", "", "system", around("load", 1+level/20, 0.8))
	add("system_load5", "", "system", around("load5", 1+level/20, 0.3))
	add("system_load15", "", "system", around("load15", 1+level/20, 0.1))
	add("system_n_cpus", "", "system", constant(4))
	add("system_uptime", "seconds", "system", func(t float64) float64 { return float64(3+i*17%200)*86400 + t })
	add("system_os", "", "system", constant(1), "id", "debian", "name", "Debian GNU/Linux", "pretty_name", "Debian GNU/Linux 12")
	add("system_uname", "", "system", constant(1), "release", "6.1.0")
	for _, device := range []string{"sda", "sda1"} {
		add("diskio_read_bytes_rate", "bytes per second", "linux_io", around("read"+device, 2e6, 3e6), "device", device)
		add("diskio_write_bytes_rate", "bytes per second", "linux_io", around("write"+device, 5e6, 4e6), "device", device)
		add("diskio_util_percent", "percent", "linux_io", around("util"+device, 14, 12), "device", device)
	}
	for _, iface := range []string{"eth0", "lo"} {
		for _, direction := range []string{"rx", "tx"} {
			middle := 1e6 * (1 + level/4)
			add("net_"+direction+"_bytes", "bytes", "linux_net", counter(nil, middle), "iface", iface)
			add("net_"+direction+"_bytes_rate", "bytes per second", "linux_net", around(direction+iface, middle, middle), "iface", iface)
			add("net_"+direction+"_packets_rate", "packets per second", "linux_net", around("p"+direction+iface, middle/800, middle/1600), "iface", iface)
		}
	}
	for _, mount := range []string{"root", "/srv"} {
		size := 500.0 * gib
		share := 0.2 + float64((i*13+len(mount)*3)%50)/100
		fill := func(t float64) float64 { return share + 0.0000002*t/3600 }
		if host == fullHost && mount == "/srv" {
			fill = func(t float64) float64 { return 0.94 + 0.06*t/(9*86400) }
		}
		add("disk_total", "bytes", "linux_disk", constant(size), "mount", mount)
		add("disk_available", "bytes", "linux_disk", func(t float64) float64 { return size * (1 - fill(t)) }, "mount", mount)
		add("disk_used_percent", "percent", "linux_disk", func(t float64) float64 { return 100 * fill(t) }, "mount", mount)
	}
	add("sensor_temperature", "celsius", "linux_sensors", around("temp", 52, 6), "chip", "coretemp", "sensor", "Package id 0")
	add("sensor_temperature", "celsius", "linux_sensors", around("nvme", 39, 2), "chip", "nvme", "sensor", "Composite")
	add("tcp_curr_estab", "", "netstat", around("estab", 160, 40))
	add("tcp_time_wait", "", "netstat", around("tw", 30, 20))
	for _, provider := range []string{"anthropic", "openai", "other"} {
		add("connections_opened_rate", "", "connections", around("opened"+provider, 0.4, 0.4), "provider", provider, "proto", "tcp")
		add("connections_active", "", "connections", around("active"+provider, 4, 3), "provider", provider, "proto", "tcp")
	}
	add("processes_running", "", "processes", around("running", 2, 2))
	add("processes_blocked", "", "processes", around("blocked", 0.5, 0.5))
	add("time_offset_seconds", "seconds", "linux_time", func(t float64) float64 { return 0.0004 * noise(host+"clock")(t) })
	for _, input := range []string{"linux_cpu", "linux_mem", "kernel"} {
		add("internal_gather_last_gather_time_ns", "nanoseconds", "internal", around("gather"+input, 2e6, 1e6), "input", input)
		add("internal_gather_last_success_age", "seconds", "internal", around("age"+input, 3, 2), "input", input)
		add("internal_gather_errors", "", "internal", constant(0), "input", input)
		add("internal_gather_metrics_gathered", "", "internal", counter(nil, 12), "input", input)
	}
	add("internal_write_metrics_written", "", "internal", counter(nil, 6), "output", "redistimeseries")
	add("internal_write_metrics_dropped", "", "internal", constant(0), "output", "redistimeseries")
	add("internal_write_last_success_age", "seconds", "internal", around("wage", 4, 2), "output", "redistimeseries")
	add("internal_write_buffer_size", "", "internal", around("buffer", 60, 30), "output", "redistimeseries")
	add("internal_write_buffer_limit", "", "internal", constant(1e6), "output", "redistimeseries")
	add("internal_agent_metrics_gathered", "", "internal", counter(nil, 6))
	add("internal_agent_metrics_written", "", "internal", counter(nil, 6))
	add("internal_agent_metrics_dropped", "", "internal", constant(0))
	add("internal_agent_gather_errors", "", "internal", constant(0))
	add("internal_process_resident_memory_bytes", "bytes", "internal", around("rss", 3e7, 1e6))
	add("internal_process_cpu_seconds_total_rate", "", "internal", around("agentcpu", 0.01, 0.004))
	all = append(all, series{[]string{"__name__", "rtcollector_up", "type", "host", "host", host, "env", env}, constant(1)})
	return all
}

// redis is an embedded server with a client to fill it.
type redis struct {
	server *embedded.Server
	client *redisconn.Client
	config redisconn.Config

	writers int // of events, which need different names
}

func startRedis(t testing.TB) *redis {
	t.Helper()
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	connection := redisconn.Defaults()
	connection.Host, connection.Port = servicetest.HostPort(t, server.Addr())
	client, err := redisconn.Open(t.Context(), connection.ForSearches(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return &redis{server: server, client: client, config: connection}
}

// webConfig returns the configuration of a server that shows this Redis.
func (r *redis) webConfig() web.Config {
	events := redissearch.Defaults()
	events.Config = r.config
	return web.Config{Settings: config.Web{}, Version: "test", Redis: r.config, Events: &events}
}

// writeEvents writes log lines.
func (r *redis) writeEvents(t testing.TB, events ...telemetry.Event) {
	t.Helper()
	settings := redissearch.Defaults()
	settings.Config = r.config
	w, err := redissearch.New(outputs.Env{ID: "redissearch", Host: "h", Instance: fmt.Sprintf("test%04d", r.writers), Log: slog.New(slog.DiscardHandler)}, settings)
	if err != nil {
		t.Fatal(err)
	}
	r.writers++
	ctx := context.WithoutCancel(t.Context())
	if err := w.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	for i := range events {
		events[i].Seq = uint64(i + 1)
	}
	if err := w.WriteEvents(ctx, events); err != nil {
		t.Fatal(err)
	}
}

// fillLogs writes 400 invented log lines of the hour before end.
func (r *redis) fillLogs(t testing.TB, end time.Time) {
	t.Helper()
	kinds := []struct {
		app, message string
		severity     telemetry.Severity
	}{
		{"sshd", "Accepted publickey for anna from 192.0.2.17 port 50122", telemetry.Informational}, {"kernel", "eth0: Link is Up - 1000Mbps/Full", telemetry.Notice},
		{"nginx", "upstream timed out while reading response header", telemetry.Error}, {"systemd", "Started Daily apt upgrade and clean activities.", telemetry.Informational},
		{"smartd", "Device /dev/sda: 1 Currently unreadable (pending) sectors", telemetry.Warning}, {"cron", "(root) CMD (run-parts /etc/cron.hourly)", telemetry.Debug},
	}
	var events []telemetry.Event
	for i := range 400 {
		kind := kinds[(i*i/7+i)%len(kinds)]
		host, _ := hostName(i % 9)
		events = append(events, telemetry.Event{
			Time: end.Add(-time.Duration(i*i%3600) * time.Second), Source: "syslog", Severity: kind.severity, Host: host, App: kind.app, Proc: strconv.Itoa(1000 + i), Message: kind.message,
			Fields: []telemetry.Field{telemetry.Text("facility", "daemon"), telemetry.Int("line", int64(i))},
		})
	}
	r.writeEvents(t, events...)
}

// fillFleet writes the series of so many hosts that end at end, with a sample each step.
func (r *redis) fillFleet(t testing.TB, hosts int, end time.Time, length, step time.Duration) {
	t.Helper()
	for i := range hosts {
		host, _ := hostName(i)
		last := end
		if host == silentHost {
			last = end.Add(-silence)
		}
		r.fillSeries(t, hostSeries(i), end, end.Add(-length), last, step)
	}
}

// feedFleet goes on writing a sample every 10 seconds, until the function that it returns is called.
func (r *redis) feedFleet(t testing.TB, hosts int) (stop func()) {
	start := time.Now()
	done := make(chan struct{})
	go func() {
		for tick := time.NewTicker(10 * time.Second); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case now := <-tick.C:
				for i := range hosts {
					r.addSamples(t, i, start, now)
				}
			}
		}
	}()
	return func() { close(done) }
}

// addSamples writes one sample to each series of a host.
func (r *redis) addSamples(t testing.TB, host int, end, at time.Time) {
	t.Helper()
	if name, _ := hostName(host); name == silentHost {
		return
	}
	args := []any{"TS.MADD"}
	for _, s := range hostSeries(host) {
		args = append(args, keyOf(s.labels), at.UnixMilli(), strconv.FormatFloat(s.value(at.Sub(end).Seconds()), 'g', 8, 64))
	}
	r.do(context.WithoutCancel(t.Context()), t, args...)
}

// fillSeries writes samples from first to last. Values depend on the time before end.
func (r *redis) fillSeries(t testing.TB, all []series, end, first, last time.Time, step time.Duration) {
	t.Helper()
	ctx := t.Context()
	for _, s := range all {
		key := keyOf(s.labels)
		create := []any{"TS.CREATE", key, "DUPLICATE_POLICY", "LAST", "LABELS"}
		for _, l := range s.labels {
			create = append(create, l)
		}
		r.do(ctx, t, create...)
		const atOnce = 2000
		args := []any{"TS.MADD"}
		for at := first.Truncate(step).Add(step); !at.After(last); at = at.Add(step) {
			args = append(args, key, at.UnixMilli(), strconv.FormatFloat(s.value(at.Sub(end).Seconds()), 'g', 8, 64))
			if len(args) > 3*atOnce {
				r.do(ctx, t, args...)
				args = args[:1]
			}
		}
		if len(args) > 1 {
			r.do(ctx, t, args...)
		}
	}
}

func (r *redis) do(ctx context.Context, t testing.TB, args ...any) {
	t.Helper()
	if err := r.client.Do(ctx, args...).Err(); err != nil {
		t.Fatalf("%.200v: %v", args, err)
	}
}

func keyOf(labels []string) string {
	return strings.Join(labels, ":")
}

// find returns a series of an invented host by its metric.
func find(t testing.TB, host, metric string) series {
	t.Helper()
	for i := range invented {
		if invented[i].name != host {
			continue
		}
		for _, s := range hostSeries(i) {
			if s.labels[1] == metric {
				return s
			}
		}
	}
	t.Fatalf("%s has no %s", host, metric)
	return series{}
}
