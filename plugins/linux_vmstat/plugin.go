// Package linuxvmstat reports the memory management of a Linux host, from /proc/vmstat. plugin.go is the input; parse.go
// parses the file and describes its fields.
package linuxvmstat

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("linux_vmstat", "memory management: faults, reclaim, compaction, OOM kills (Linux)", defaultConfig, build).
	On("linux").As("vmstat").Doc(readme)

// Config selects the fields of /proc/vmstat that are reported.
type Config struct {
	Fields match.List `yaml:"fields" conf:"public"`
}

// defaultConfig selects the fields that show whether memory is short. Globs cover names that differ between kernels: per
// zone, or split into anonymous and file pages.
func defaultConfig() Config {
	return Config{Fields: match.NewList(
		"oom_kill", "pgfault", "pgmajfault", "pgpgin", "pgpgout",
		"pgscan_kswapd*", "pgscan_direct*", "pgsteal_kswapd*", "pgsteal_direct*", "allocstall*", "pageoutrun", "drop_pagecache", "drop_slab",
		"workingset_refault*", "workingset_activate*",
		"compact_stall", "compact_fail", "compact_success",
		"thp_fault_alloc", "thp_fault_fallback", "thp_collapse_alloc",
		"numa_hit", "numa_miss", "numa_foreign",
		"nr_dirty", "nr_writeback", "nr_dirtied", "nr_written",
	)}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	if len(c.Fields) == 0 {
		return conf.Key("fields", `must name at least one; "*" means all`)
	}
	return nil
}

type input struct {
	vmstat *hostfs.File
	fields *telemetry.Vec[string, fieldSeries]
}

// fieldSeries holds the series of one line: a gauge, a counter, or neither if the field is not selected.
type fieldSeries struct {
	gauge *telemetry.Series
	total *telemetry.Total
}

func build(env plugins.Env, c Config) (*input, error) {
	return &input{
		vmstat: env.FS.ProcFile("vmstat"),
		fields: telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) fieldSeries {
			kind, unit := describeField(name)
			switch {
			case !c.Fields.Match(name):
				return fieldSeries{}
			case kind == telemetry.Counter:
				return fieldSeries{total: f.Counter("vmstat_"+name, unit)}
			}
			return fieldSeries{gauge: f.Gauge("vmstat_"+name, unit)}
		}),
	}, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	data, err := in.vmstat.ReadOptional()
	if err != nil || len(data) == 0 {
		return err
	}
	found := false
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		name, v, ok := parseField(line)
		if !ok {
			continue
		}
		found = true
		f := telemetry.GetBytes(in.fields, name)
		if f.total != nil {
			f.total.Add(out, float64(v))
		}
		out.Add(f.gauge, float64(v))
	}
	if !found {
		return fmt.Errorf("parse %s: no fields", in.vmstat.Path())
	}
	in.fields.Sweep(out)
	return nil
}
