package windowsservices

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// listing returns these services, as the service control manager of a Windows host would.
func listing(services *[]service, err *error) lister {
	return func(_ context.Context, wanted func(string) bool) (all []service, _ error) {
		for _, s := range *services {
			if wanted(s.name) {
				all = append(all, s)
			}
		}
		return all, *err
	}
}

func elsewhere(_ *testing.T, e *plugins.Env) { e.Host = &sysinfo.Host{} }

func TestConformance(t *testing.T) {
	services, err := []service{{"Spooler", 4, 2, true}, {"wuauserv", 1, 3, true}, {"WdNisDrv", 4, 0, false}}, error(nil)
	plugintest.Run(t, define(listing(&services, &err)), plugintest.Case{Name: "services", Setup: elsewhere, Allocs: 8})
}

func TestGather(t *testing.T) {
	services, err := []service{{"Spooler", 4, 2, true}, {"wuauserv", 1, 3, true}, {"OneSync_1a2b3", 4, 2, true}, {"Secret", 7, 0, false}}, error(nil)
	p := plugintest.Start(t, define(listing(&services, &err)), `exclude_services: ["~_[0-9a-f]{4,}$"]`, plugintest.Env("windows_services", ""))
	want := map[string]float64{
		"windows_service_state_Spooler": 4, "windows_service_start_type_Spooler": 2, "windows_service_state_wuauserv": 1, "windows_service_start_type_wuauserv": 3,
		"windows_service_state_Secret": 7,
	}
	if diff := cmp.Diff(want, p.Gather(0)); diff != "" {
		t.Error(diff)
	}
	err = errors.New("query the service x: away")
	if b, got := p.Batch(10); !errors.Is(got, err) || b.Len() != 5 {
		t.Errorf("%d samples, %v", b.Len(), got)
	}
	services, err = services[:1], nil
	ended := 0
	for _, b := range p.Batches(20, 30, 40, 50, 60) {
		ended += len(b.Ended())
	}
	if ended != 3 {
		t.Errorf("%d series of deleted services have ended, want 3", ended)
	}
}
