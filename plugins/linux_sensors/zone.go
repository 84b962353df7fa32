package linuxsensors

import (
	"path/filepath"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// openZone adds the temperature of a thermal zone: Documentation/driver-api/thermal/sysfs-api.rst. Many zones are chips
// of hwmon as well, so their metric is another one.
func (in *input) openZone(p *place) bool {
	kind := text(p.path, "type")
	if !p.has("temp") || !in.config.wants(p.name, kind) {
		return true
	}
	p.add(kind, func() reader {
		return &sensor{
			values: []value{in.files.value(filepath.Join(p.path, "temp"))}, divisor: 1e3, least: absoluteZero,
			series: in.factory.Gauge("sensor_zone_temperature", telemetry.Celsius,
				telemetry.Label{Key: "zone", Value: p.name}, telemetry.Label{Key: "type", Value: kind}),
		}
	})
	return true
}

// openPowercap adds the energy that a domain of RAPL has taken: Documentation/power/powercap/powercap.rst.
func (in *input) openPowercap(p *place) bool {
	domain := text(p.path, "name")
	if !p.has("energy_uj") || !in.config.wants(p.name, domain) {
		return true
	}
	p.add(domain, func() reader {
		return &sensor{
			values: []value{in.files.value(filepath.Join(p.path, "energy_uj"))}, divisor: 1e6,
			total: in.factory.Counter("power_energy", telemetry.Joules,
				telemetry.Label{Key: "zone", Value: p.name}, telemetry.Label{Key: "domain", Value: domain}),
		}
	})
	return true
}
