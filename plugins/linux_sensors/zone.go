package linuxsensors

import (
	"path/filepath"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// openZone adds the temperature of a thermal zone (Documentation/driver-api/thermal/sysfs-api.rst). Many zones are chips
// of hwmon as well, so their metric has another name.
func (in *input) openZone(c *candidate) bool {
	kind := readText(c.path, "type")
	if !c.hasFile("temp") || !in.config.includesAny(c.name, kind) {
		return true
	}
	c.addReader(kind, func() reader {
		return &sensor{
			files: []numberFile{in.budget.newNumberFile(filepath.Join(c.path, "temp"))}, divisor: 1e3, minimum: absoluteZero,
			series: in.factory.Gauge("sensor_zone_temperature", telemetry.Celsius,
				telemetry.Label{Key: "zone", Value: c.name}, telemetry.Label{Key: "type", Value: kind}),
		}
	})
	return true
}

// openPowercap adds the energy that a domain of RAPL has used (Documentation/power/powercap/powercap.rst).
func (in *input) openPowercap(c *candidate) bool {
	domain := readText(c.path, "name")
	if !c.hasFile("energy_uj") || !in.config.includesAny(c.name, domain) {
		return true
	}
	c.addReader(domain, func() reader {
		return &sensor{
			files: []numberFile{in.budget.newNumberFile(filepath.Join(c.path, "energy_uj"))}, divisor: 1e6,
			total: in.factory.Counter("power_energy", telemetry.Joules,
				telemetry.Label{Key: "zone", Value: c.name}, telemetry.Label{Key: "domain", Value: domain}),
		}
	})
	return true
}
