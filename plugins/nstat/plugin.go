// Package nstat reports the counters of a Linux host's network protocols, under the kernel's own names. plugin.go is the
// input; parse.go maps columns to metrics. Package netmib reads the tables.
package nstat

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/netmib"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("nstat", "counters of IP, ICMP, TCP, UDP, MPTCP and SCTP, IPv4 and IPv6 (Linux)", func() Config { return Config{} }, build).
	On("linux").Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct{ counterFiles []counterFile }

// counterFile is one file of counters. add appends its samples.
type counterFile struct {
	file *hostfs.File
	add  func(out *telemetry.Batch, data []byte) (values int)
}

func build(env plugins.Env, _ Config) (*input, error) {
	table := func() *netmib.Table { return netmib.NewTable(env.Factory, columnMetric) }
	return &input{[]counterFile{
		{env.FS.HostFile("net", "snmp"), table().AddPairs},
		{env.FS.HostFile("net", "netstat"), table().AddPairs},
		{env.FS.HostFile("net", "snmp6"), table().AddLines},
		{env.FS.HostFile("net", "sctp", "snmp"), table().AddLines},
	}}, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	var errs []error
	for _, f := range in.counterFiles {
		data, err := f.file.ReadOptional()
		if err == nil && f.add(out, data) == 0 && len(data) > 0 {
			err = fmt.Errorf("parse %s: no counters", f.file.Path())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
