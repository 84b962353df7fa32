// Package windowsservices reports the state and the start type of a Windows host's services. plugin.go is the input; sys_windows.go asks the
// service control manager.
package windowsservices

import (
	"context"
	_ "embed"

	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = define(listServices)

func define(list lister) plugins.Definition {
	return plugins.Poll("windows_services", "state and start type of services (Windows)", func() Config { return Config{} }, func(e plugins.Env, c Config) (*input, error) {
		return build(e, c, list), nil
	}).On("windows").OnRequest().Doc(readme)
}

// Config selects the services, by their short names.
type Config struct {
	IncludeServices match.List `yaml:"include_services"` // if not empty, only these
	ExcludeServices match.List `yaml:"exclude_services"`
}

func (c *Config) includes(name string) bool {
	return (len(c.IncludeServices) == 0 || c.IncludeServices.Match(name)) && !c.ExcludeServices.Match(name)
}

// service is what the service control manager says about one. The numbers are those of winsvc.h.
type service struct {
	name         string
	state        uint32 // SERVICE_STOPPED is 1, SERVICE_RUNNING is 4
	startType    uint32 // SERVICE_AUTO_START is 2
	hasStartType bool   // false: its configuration may not be read
}

// lister lists the services whose names are wanted. What it returns together with an error is valid.
type lister func(ctx context.Context, wanted func(name string) bool) ([]service, error)

type input struct {
	config   Config
	list     lister
	services *telemetry.Vec[string, serviceSeries]
}

type serviceSeries struct{ state, startType *telemetry.Series }

func build(env plugins.Env, c Config, list lister) *input {
	return &input{config: c, list: list, services: telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) serviceSeries {
		label := telemetry.Label{Key: "service", Value: name}
		return serviceSeries{
			state:     f.Gauge("windows_service_state", telemetry.None, label),
			startType: f.Gauge("windows_service_start_type", telemetry.None, label),
		}
	})}
}

// maxName is the length limit of a service's name: CreateService, lpServiceName.
const maxName = 256

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	services, err := in.list(ctx, in.config.includes)
	for _, s := range services {
		series := in.services.Get(metric.LabelValue(s.name, maxName))
		out.Add(series.state, float64(s.state))
		if s.hasStartType {
			out.Add(series.startType, float64(s.startType))
		}
	}
	if err == nil {
		in.services.Sweep(out)
	}
	return err
}
