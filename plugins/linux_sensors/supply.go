package linuxsensors

import (
	"fmt"
	"path/filepath"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

const (
	wattHours   telemetry.Unit = "watt_hours"
	ampereHours telemetry.Unit = "ampere_hours"
)

// property is a number that a power supply reports (Documentation/ABI/testing/sysfs-class-power).
type property struct {
	key     string // in uevent, without POWER_SUPPLY_
	metric  string
	unit    telemetry.Unit
	divisor float64
	texts   []string // the possible texts; the index is the number
	signed  bool     // may be negative: a discharging battery, or frost
}

const numProperties = 17

// supplyProperties returns the reported properties. Texts that a kernel inserted into the middle of its list are at the end of
// ours, so that no number ever changes its meaning. An unknown text counts as the first, "Unknown".
func supplyProperties() [numProperties]property {
	const micro = 1e6
	status := []string{"Unknown", "Charging", "Discharging", "Not charging", "Full"}
	health := []string{"Unknown", "Good", "Overheat", "Dead", "Over voltage", "Unspecified failure", "Cold", "Watchdog timer expire",
		"Safety timer expire", "Over current", "Calibration required", "Warm", "Cool", "Hot", "No battery", "Under voltage", "Blown fuse",
		"Cell imbalance"}
	return [numProperties]property{
		{"ONLINE", "power_supply_online", telemetry.None, 1, nil, false},
		{"PRESENT", "power_supply_present", telemetry.None, 1, nil, false},
		{"STATUS", "power_supply_status", telemetry.None, 1, status, false},
		{"HEALTH", "power_supply_health", telemetry.None, 1, health, false},
		{"CAPACITY", "power_supply_capacity", telemetry.Percent, 1, nil, false},
		{"CYCLE_COUNT", "power_supply_cycle_count", telemetry.None, 1, nil, false},
		{"VOLTAGE_NOW", "power_supply_voltage", telemetry.Volts, micro, nil, true},
		{"CURRENT_NOW", "power_supply_current", telemetry.Amperes, micro, nil, true},
		{"POWER_NOW", "power_supply_power", telemetry.Watts, micro, nil, true},
		{"ENERGY_NOW", "power_supply_energy", wattHours, micro, nil, false},
		{"ENERGY_FULL", "power_supply_energy_full", wattHours, micro, nil, false},
		{"ENERGY_FULL_DESIGN", "power_supply_energy_full_design", wattHours, micro, nil, false},
		{"CHARGE_NOW", "power_supply_charge", ampereHours, micro, nil, false},
		{"CHARGE_FULL", "power_supply_charge_full", ampereHours, micro, nil, false},
		{"CHARGE_FULL_DESIGN", "power_supply_charge_full_design", ampereHours, micro, nil, false},
		{"TEMP", "power_supply_temperature", telemetry.Celsius, 10, nil, true},
		{"TIME_TO_EMPTY_NOW", "power_supply_time_to_empty", telemetry.Seconds, 1, nil, false},
	}
}

// supply is a battery, a mains adapter or a USB port that supplies power. One file contains all its properties.
type supply struct {
	uevent     *hostfs.File
	factory    *telemetry.Factory
	name       telemetry.Label
	properties [numProperties]property
	series     [numProperties]*telemetry.Series // created when the supply first reports the property
	created    [numProperties]bool
	info       *telemetry.Series
	infoLabels supplyIdentity // the labels of info
}

// supplyIdentity identifies a supply. It changes when a battery is replaced.
type supplyIdentity struct{ kind, manufacturer, model, technology string }

func (in *input) openSupply(c *candidate) bool {
	if !c.hasFile("uevent") || !in.config.includesAny(c.name) {
		return true
	}
	c.addReader("uevent", func() reader {
		return &supply{
			uevent: hostfs.NewFile(filepath.Join(c.path, "uevent")), factory: in.factory,
			name: telemetry.Label{Key: "supply", Value: c.name}, properties: supplyProperties(),
		}
	})
	return true
}

func (s *supply) addSamples(out *telemetry.Batch) error {
	data, err := s.uevent.Read()
	if err != nil {
		return dropSensorErrors(err)
	}
	var reading supplyReading
	if !parseSupply(data, &s.properties, &reading) && len(trimText(data)) > 0 {
		return fmt.Errorf("parse %s: no line POWER_SUPPLY_…=…", s.uevent.Path())
	}
	for i, p := range s.properties {
		if !reading.present[i] {
			continue
		}
		if !s.created[i] {
			s.series[i], s.created[i] = p.newGauge(s.factory, s.name), true
		}
		out.Add(s.series[i], float64(reading.values[i])/p.divisor)
	}
	if reading.isSupply {
		s.addInfo(out, &reading)
	}
	return nil
}

func (p *property) newGauge(f *telemetry.Factory, name telemetry.Label) *telemetry.Series {
	bounds := p.unit.Bounds(telemetry.Gauge)
	if !p.signed {
		bounds.Least = 0
	}
	return f.Gauge(p.metric, p.unit, name).Within(bounds.Least, bounds.Most)
}

func (s *supply) addInfo(out *telemetry.Batch, r *supplyReading) {
	i := &s.infoLabels
	if i.kind == "" || string(r.kind) != i.kind || string(r.manufacturer) != i.manufacturer || string(r.model) != i.model ||
		string(r.technology) != i.technology {
		*i = supplyIdentity{string(r.kind), string(r.manufacturer), string(r.model), string(r.technology)}
		s.info = s.factory.Info("power_supply_info", []telemetry.Label{s.name}, telemetry.Label{Key: "type", Value: i.kind},
			telemetry.Label{Key: "manufacturer", Value: i.manufacturer}, telemetry.Label{Key: "model", Value: i.model},
			telemetry.Label{Key: "technology", Value: i.technology})
	}
	out.Add(s.info, 1)
}

func (s *supply) refresh() {}

func (s *supply) close() { _ = s.uevent.Close() }
