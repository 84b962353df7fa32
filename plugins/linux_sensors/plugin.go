// Package linuxsensors reports the sensors of a Linux host's hardware: temperatures, fans, voltages, power, batteries
// and CPU clocks.
//
//   - plugin.go: the input. config.go: which entities are reported.
//   - tree.go: searches directories of /sys for entities that come and go, and opens them.
//   - hwmon.go, zone.go, supply.go, cpu.go: the kinds of entities. address.go: the names of chips.
//   - sensor.go: reads the files. parse.go: parses them.
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
var Plugin = plugins.Poll("linux_sensors", "temperatures, fans, voltages, power, batteries and CPU clocks", defaultConfig, build).
	On("linux").As("sensors").Elsewhere("darwin", "freebsd").Doc(readme)

const (
	// scanInterval is the number of gathers between two searches for new and removed entities.
	scanInterval = 10
	// maxOpen is the number of files that are kept open. All others are opened for each reading.
	maxOpen = 512
)

type input struct {
	config    Config
	factory   *telemetry.Factory
	sys       string
	budget    fileBudget
	trees     []*tree
	chipNames map[string]string // by name: the directory of the chip

	packageCPUs    map[string]string // by package: the path of the CPU that is read
	packageCPULost bool              // a package has lost its CPU

	gathersUntilScan   int
	treeDir, entityDir *hostfs.Dir
}

func build(env plugins.Env, c Config) (plugins.Gatherer, error) {
	if env.Host != nil {
		return newHostInput(env, c), nil
	}
	in := &input{
		config: c, factory: env.Factory, sys: env.FS.Sys, chipNames: map[string]string{}, packageCPUs: map[string]string{},
		budget:  fileBudget{free: maxOpen},
		treeDir: env.FS.SysDir(), entityDir: env.FS.SysDir(),
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

func (in *input) newTree(prefix string, open openFunc, elem ...string) *tree {
	return &tree{dir: filepath.Join(in.sys, filepath.Join(elem...)), prefix: prefix, open: open, entities: map[string]*entity{}}
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	if in.gathersUntilScan == 0 {
		for _, t := range in.trees {
			t.err = in.scanTree(t)
		}
		in.gathersUntilScan = scanInterval
	}
	in.gathersUntilScan--
	var errs []error
	for _, t := range in.trees {
		if t.err != nil {
			errs = append(errs, t.err)
		}
		for _, e := range t.list {
			for _, r := range e.readers {
				if err := r.addSamples(out); err != nil {
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
		for _, e := range t.list {
			e.close()
		}
		t.list = nil
		clear(t.entities)
	}
	return nil
}

// readText returns the text of a file that seldom changes, such as a name. It returns "" if the file cannot be read.
func readText(elem ...string) string {
	f := hostfs.NewValue(filepath.Join(elem...))
	data, err := f.Read()
	_ = f.Close() // the data stays valid
	if err != nil {
		return ""
	}
	return string(trimText(data))
}
