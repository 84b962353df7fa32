package linuxsensors

import (
	"context"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// hostInput is the input on systems other than Linux: temperatures only.
type hostInput struct {
	readSensors func(context.Context) ([]sysinfo.Sensor, error)
	series      *telemetry.Vec[string, *telemetry.Series] // by sensor; nil: excluded
}

// systemChip is the label "chip" of all sensors, because systems do not say which chip has a sensor.
const systemChip = "system"

func newHostInput(env plugins.Env, c Config) *hostInput {
	return &hostInput{env.Host.Sensors, telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) *telemetry.Series {
		if !c.includesAny(systemChip, systemChip+"/"+name) {
			return nil
		}
		return f.Gauge("sensor_temperature", telemetry.Celsius, telemetry.Label{Key: "chip", Value: systemChip}, telemetry.Label{Key: "sensor", Value: name})
	})}
}

// Gather implements plugins.Gatherer.
func (in *hostInput) Gather(ctx context.Context, out *telemetry.Batch) error {
	sensors, err := in.readSensors(ctx)
	for _, s := range sensors {
		if series := *in.series.Get(s.Name); series != nil {
			out.Add(series, s.Celsius)
		}
	}
	if err == nil {
		in.series.Sweep(out)
	}
	return err
}
