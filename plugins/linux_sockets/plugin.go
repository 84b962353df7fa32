// Package linuxsockets reports a Linux host's sockets and their memory, its packet queues and its connection tracking
// table.
//
//   - plugin.go: the input; sockets and their limits. parse.go: parses all files.
//   - softnet.go: packets per CPU. conntrack.go: connection tracking.
package linuxsockets

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("linux_sockets", "sockets and their memory, packet queues per CPU, connection tracking (Linux)", func() Config { return Config{} }, build).
	On("linux").Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	sockstats []sockstat
	limits    []memoryLimit
	softnet   *softnetStat
	conntrack *conntrackTable
}

// sockstat is /proc/net/sockstat or sockstat6, with its series.
type sockstat struct {
	file   *hostfs.File
	gauges []sockstatGauge
}

// sockstatGauge is a number in such a file.
type sockstatGauge struct {
	title, word string
	scale       float64
	series      *telemetry.Series
}

// memoryLimit is the file with a protocol's memory limit, and its series.
type memoryLimit struct {
	file   *hostfs.File
	series *telemetry.Series
}

func build(env plugins.Env, _ Config) (*input, error) {
	f := env.Factory
	return &input{
		sockstats: []sockstat{
			{env.FS.HostFile("net", "sockstat"), newIPv4Gauges(f)},
			{env.FS.HostFile("net", "sockstat6"), newIPv6Gauges(f)},
		},
		limits: []memoryLimit{
			{env.FS.ProcFile("sys", "net", "ipv4", "tcp_mem"), f.Gauge("sockets_tcp_mem_max", telemetry.Bytes)},
			{env.FS.ProcFile("sys", "net", "ipv4", "udp_mem"), f.Gauge("sockets_udp_mem_max", telemetry.Bytes)},
		},
		softnet:   newSoftnetStat(env),
		conntrack: newConntrackTable(env),
	}, nil
}

// pageSize returns the unit of socket memory, in bytes.
func pageSize() float64 { return float64(os.Getpagesize()) }

func newIPv4Gauges(f *telemetry.Factory) []sockstatGauge {
	return []sockstatGauge{
		{"sockets:", "used", 1, f.Gauge("sockets_used", telemetry.None)},
		{"TCP:", "inuse", 1, f.Gauge("sockets_tcp_inuse", telemetry.None)},
		{"TCP:", "orphan", 1, f.Gauge("sockets_tcp_orphan", telemetry.None)},
		{"TCP:", "tw", 1, f.Gauge("sockets_tcp_tw", telemetry.None)},
		{"TCP:", "alloc", 1, f.Gauge("sockets_tcp_alloc", telemetry.None)},
		{"TCP:", "mem", pageSize(), f.Gauge("sockets_tcp_mem", telemetry.Bytes)},
		{"UDP:", "inuse", 1, f.Gauge("sockets_udp_inuse", telemetry.None)},
		{"UDP:", "mem", pageSize(), f.Gauge("sockets_udp_mem", telemetry.Bytes)},
		{"UDPLITE:", "inuse", 1, f.Gauge("sockets_udplite_inuse", telemetry.None)},
		{"RAW:", "inuse", 1, f.Gauge("sockets_raw_inuse", telemetry.None)},
		{"FRAG:", "inuse", 1, f.Gauge("sockets_frag_inuse", telemetry.None)},
		{"FRAG:", "memory", 1, f.Gauge("sockets_frag_memory", telemetry.Bytes)},
	}
}

func newIPv6Gauges(f *telemetry.Factory) []sockstatGauge {
	return []sockstatGauge{
		{"TCP6:", "inuse", 1, f.Gauge("sockets_tcp6_inuse", telemetry.None)},
		{"UDP6:", "inuse", 1, f.Gauge("sockets_udp6_inuse", telemetry.None)},
		{"UDPLITE6:", "inuse", 1, f.Gauge("sockets_udplite6_inuse", telemetry.None)},
		{"RAW6:", "inuse", 1, f.Gauge("sockets_raw6_inuse", telemetry.None)},
		{"FRAG6:", "inuse", 1, f.Gauge("sockets_frag6_inuse", telemetry.None)},
		{"FRAG6:", "memory", 1, f.Gauge("sockets_frag6_memory", telemetry.Bytes)},
	}
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	var errs []error
	for _, s := range in.sockstats {
		errs = append(errs, s.addSamples(out))
	}
	for _, l := range in.limits {
		errs = append(errs, l.addSample(out))
	}
	return errors.Join(append(errs, in.softnet.addSamples(out), in.conntrack.addSamples(out))...)
}

func (s sockstat) addSamples(out *telemetry.Batch) error {
	data, err := s.file.ReadOptional()
	if err != nil || len(data) == 0 {
		return err
	}
	found := false
	for _, g := range s.gauges {
		if v, ok := sockstatValue(data, g.title, g.word); ok {
			out.Add(g.series, g.scale*float64(v))
			found = true
		}
	}
	if !found {
		return fmt.Errorf("parse %s: no socket counts", s.file.Path())
	}
	return nil
}

func (l memoryLimit) addSample(out *telemetry.Batch) error {
	data, err := l.file.ReadOptional()
	if err != nil || len(data) == 0 {
		return err
	}
	pages, ok := parseThirdNumber(data)
	if !ok {
		return fmt.Errorf("parse %s: not three numbers", l.file.Path())
	}
	out.Add(l.series, pageSize()*float64(pages))
	return nil
}
