// Package linuxsensors reports what the hardware of a Linux host says about itself: temperatures, fans, voltages, power,
// batteries and the clocks of its CPUs.
package linuxsensors

import (
	"context"
	_ "embed"
	"errors"
	"path/filepath"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("linux_sensors", "temperatures, fans, voltages, power, batteries and CPU clocks (Linux)", defaults, build).
	On("linux").As("sensors").Doc(readme)

const (
	// scanEvery is after how many gathers the trees are searched for what came and went.
	scanEvery = 10
	// maxOpen is how many of the kernel's files are kept open. Those beyond it are opened anew for each reading.
	maxOpen = 512
)

type input struct {
	config  Config
	factory *telemetry.Factory
	sys     string
	files   descriptors
	trees   []*tree
	chips   map[string]string // who bears the name of a chip: the path of its directory

	speakers    map[string]string // by package: the path of the CPU that is read
	speakerLost bool              // a package has none any more

	untilScan    int
	outer, inner *hostfs.Dir
}

func build(env plugins.Env, c Config) (*input, error) {
	in := &input{
		config: c, factory: env.Factory, sys: env.FS.Sys, chips: map[string]string{}, speakers: map[string]string{},
		files: descriptors{free: maxOpen},
		outer: env.FS.SysDir(), inner: env.FS.SysDir(),
	}
	in.trees = []*tree{
		in.newTree("hwmon", in.openChip, "class", "hwmon"),
		in.newTree("thermal_zone", in.openZone, "class", "thermal"),
		in.newTree("", in.openSupply, "class", "power_supply"),
		in.newTree("", in.openPowercap, "class", "powercap"),
		in.newTree(cpuPrefix, in.openCPU, "devices", "system", "cpu"),
	}
	return in, nil
}

func (in *input) newTree(prefix string, open opener, elem ...string) *tree {
	return &tree{dir: filepath.Join(in.sys, filepath.Join(elem...)), prefix: prefix, open: open, things: map[string]*thing{}}
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	if in.untilScan == 0 {
		for _, t := range in.trees {
			t.err = in.scan(t)
		}
		in.untilScan = scanEvery
	}
	in.untilScan--
	var errs []error
	for _, t := range in.trees {
		if t.err != nil {
			errs = append(errs, t.err)
		}
		for _, th := range t.list {
			for _, r := range th.readers {
				if err := r.read(out); err != nil {
					errs = append(errs, err)
				}
			}
		}
	}
	return errors.Join(errs...)
}

// Close implements io.Closer.
func (in *input) Close() error {
	for _, t := range in.trees {
		for _, th := range t.list {
			th.close()
		}
		t.list = nil
		clear(t.things)
	}
	return nil
}

// text reads what a file says that hardly ever changes: the name of a thing. It is empty where there is none.
func text(elem ...string) string {
	f := hostfs.NewValue(filepath.Join(elem...))
	data, err := f.Read()
	_ = f.Close() // the data stays
	if err != nil {
		return ""
	}
	return string(trim(data))
}
