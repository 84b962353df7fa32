package system

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// hostInput is the input on systems other than Linux.
type hostInput struct {
	host      *sysinfo.Host
	series    systemSeries
	os, uname *metric.Info
}

func newHostInput(env plugins.Env) *hostInput {
	return &hostInput{env.Host, newSystemSeries(env.Factory), metric.NewInfo(env.Factory, "system_os"), metric.NewInfo(env.Factory, "system_uname")}
}

// Gather implements plugins.Gatherer.
func (in *hostInput) Gather(ctx context.Context, out *telemetry.Batch) error {
	return errors.Join(in.addLoad(ctx, out), in.addSystem(ctx, out))
}

func (in *hostInput) addLoad(ctx context.Context, out *telemetry.Batch) error {
	if in.host.Load == nil { // Windows
		return nil
	}
	l, err := in.host.Load(ctx)
	if err != nil {
		return err
	}
	for i, v := range []float64{l.One, l.Five, l.Fifteen} {
		out.Add(in.series.load[i], v)
	}
	return nil
}

func (in *hostInput) addSystem(ctx context.Context, out *telemetry.Batch) error {
	s, err := in.host.System(ctx)
	if s.Uptime > 0 {
		out.Add(in.series.uptime, math.Floor(s.Uptime))
	}
	if s.CPUs > 0 {
		out.Add(in.series.cpus, float64(s.CPUs))
	}
	if s.HasSessions {
		out.Add(in.series.sessions, float64(s.Sessions))
		out.Add(in.series.users, float64(s.Users))
	}
	label := func(key, value string) telemetry.Label { return telemetry.Label{Key: key, Value: value} }
	if s.OS != "" {
		in.os.Add(out, label("id", systemID(s.OS)), label("version_id", s.Version), label("name", s.OS),
			label("pretty_name", strings.TrimSpace(s.OS+" "+s.Version)))
	}
	if s.KernelVersion != "" {
		in.uname.Add(out, label("release", s.KernelVersion), label("sysname", s.Kernel), label("machine", s.Architecture))
	}
	return err
}

// systemID returns the name of a system as the field ID of os-release(5) would have it: in lower case, without a version.
func systemID(name string) string {
	id := strings.ToLower(name)
	if strings.Contains(id, "windows") {
		return "windows"
	}
	return id
}
