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

// property is a number that a power supply tells: Documentation/ABI/testing/sysfs-class-power.
type property struct {
	key     string // in uevent, without POWER_SUPPLY_
	metric  string
	unit    telemetry.Unit
	divisor float64
	words   []string // of which the property is one; its place among them is the number
	signed  bool     // it may be negative: a battery that is discharged, and frost
}

const numProperties = 17

// properties are those that are reported. Words that a kernel added in the middle of its own list are at the end of ours, so
// that no number ever means something else; one that is not known counts as the first, "Unknown".
func properties() [numProperties]property {
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

// supply is a battery, a mains adapter or a USB port that supplies power. One file tells all of it.
type supply struct {
	uevent   *hostfs.File
	factory  *telemetry.Factory
	name     telemetry.Label
	known    [numProperties]property
	series   [numProperties]*telemetry.Series // made when the supply first tells it
	made     [numProperties]bool
	info     *telemetry.Series
	identity identity // what info says
}

// identity is what a supply is. It changes when somebody puts in another battery.
type identity struct{ kind, manufacturer, model, technology string }

func (in *input) openSupply(p *place) bool {
	if !p.has("uevent") || !in.config.wants(p.name) {
		return true
	}
	p.add("uevent", func() reader {
		return &supply{
			uevent: hostfs.NewFile(filepath.Join(p.path, "uevent")), factory: in.factory,
			name: telemetry.Label{Key: "supply", Value: p.name}, known: properties(),
		}
	})
	return true
}

func (s *supply) read(out *telemetry.Batch) error {
	data, err := s.uevent.Read()
	if err != nil {
		return unlessSilent(err)
	}
	var told told
	if !parseSupply(data, &s.known, &told) && len(trim(data)) > 0 {
		return fmt.Errorf("parse %s: no line POWER_SUPPLY_…=…", s.uevent.Path())
	}
	for i, p := range s.known {
		if !told.has[i] {
			continue
		}
		if !s.made[i] {
			s.series[i], s.made[i] = p.gauge(s.factory, s.name), true
		}
		out.Add(s.series[i], float64(told.value[i])/p.divisor)
	}
	if told.isSupply {
		s.addInfo(out, &told)
	}
	return nil
}

func (p *property) gauge(f *telemetry.Factory, name telemetry.Label) *telemetry.Series {
	bounds := p.unit.Bounds(telemetry.Gauge)
	if !p.signed {
		bounds.Least = 0
	}
	return f.Gauge(p.metric, p.unit, name).Within(bounds.Least, bounds.Most)
}

func (s *supply) addInfo(out *telemetry.Batch, t *told) {
	i := &s.identity
	if i.kind == "" || string(t.kind) != i.kind || string(t.manufacturer) != i.manufacturer || string(t.model) != i.model ||
		string(t.technology) != i.technology {
		*i = identity{string(t.kind), string(t.manufacturer), string(t.model), string(t.technology)}
		s.info = s.factory.Info("power_supply_info", []telemetry.Label{s.name}, telemetry.Label{Key: "type", Value: i.kind},
			telemetry.Label{Key: "manufacturer", Value: i.manufacturer}, telemetry.Label{Key: "model", Value: i.model},
			telemetry.Label{Key: "technology", Value: i.technology})
	}
	out.Add(s.info, 1)
}

func (s *supply) refresh() {}

func (s *supply) close() { _ = s.uevent.Close() }
