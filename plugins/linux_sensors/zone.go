package linuxsensors

import (
	"path/filepath"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// openZone adds the temperature of a thermal zone (Documentation/driver-api/thermal/sysfs-api.rst). Many zones are chips
// of hwmon as well, so their metric has another name.
func (in *input) openZone(p *candidate) bool {
	kind := readText(p.path, "type")
	if !p.hasFile("temp") || !in.config.includesAny(p.name, kind) {
		return true
	}
	p.addReader(kind, func() reader {
		return &sensor{
			files: []numberFile{in.budget.newNumberFile(filepath.Join(p.path, "temp"))}, divisor: 1e3, minimum: absoluteZero,
			series: in.factory.Gauge("sensor_zone_temperature", telemetry.Celsius,
				telemetry.Label{Key: "zone", Value: p.name}, telemetry.Label{Key: "type", Value: kind}),
		}
	})
	return true
}

// openPowercap adds the energy that a domain of RAPL has used (Documentation/power/powercap/powercap.rst).
func (in *input) openPowercap(p *candidate) bool {
	domain := readText(p.path, "name")
	if !p.hasFile("energy_uj") || !in.config.includesAny(p.name, domain) {
		return true
	}
	p.addReader(domain, func() reader {
		return &sensor{
			files: []numberFile{in.budget.newNumberFile(filepath.Join(p.path, "energy_uj"))}, divisor: 1e6,
			total: in.factory.Counter("power_energy", telemetry.Joules,
				telemetry.Label{Key: "zone", Value: p.name}, telemetry.Label{Key: "domain", Value: domain}),
		}
	})
	return true
}
