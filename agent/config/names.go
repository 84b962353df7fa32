package config

import (
	"fmt"
	"slices"

	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
)

// inputSynonyms and outputSynonyms map words that people or other agents use for a component, and that are too different from
// its name for [conf.Suggest]. They only serve suggestions.
func inputSynonyms() map[string]string {
	return map[string]string{
		"memory": "mem", "ram": "mem", "network": "net", "interfaces": "net", "processor": "cpu", "filesystem": "disk", "filesystems": "disk",
		"df": "disk", "disk_io": "io", "diskio": "io", "iostat": "io", "load": "system", "loadavg": "system", "uptime": "system",
		"temp": "sensors", "temperature": "sensors", "hwmon": "sensors", "ntp": "time", "chrony": "time", "psql": "postgres", "mysqld": "mariadb",
		"httpd": "apache", "http": "http_response", "node_exporter": "prometheus", "openmetrics": "prometheus", "containers": "docker",
		"process": "processes", "script": "exec", "command": "exec", "logs": "syslog",
	}
}

func outputSynonyms() map[string]string {
	return map[string]string{
		"redis": "redistimeseries", "timeseries": "redistimeseries", "redis_timeseries": "redistimeseries", "rts": "redistimeseries",
		"search": "redissearch", "redis_search": "redissearch", "streams": "redis_streams", "stream": "redis_streams", "console": "stdout",
		"print": "stdout", "sqlite3": "sqlite", "database": "sqlite",
	}
}

// describeUnknownInput returns the message for a name that is not in the catalog of inputs. Err is the error of the catalog.
func (b *builder) describeUnknownInput(name string, err error) string {
	component, isKnown := inputSynonyms()[name]
	switch {
	case isKnown && b.isInput(component):
		return fmt.Sprintf("unknown input %q (did you mean %q?)", name, component)
	case b.isOutput(name):
		return fmt.Sprintf("%q is an output: write it below \"outputs:\"", name)
	}
	return err.Error()
}

// describeUnknownOutput is describeUnknownInput for outputs.
func (b *builder) describeUnknownOutput(name string, err error) string {
	component, isKnown := outputSynonyms()[name]
	switch {
	case isKnown && b.isOutput(component):
		return fmt.Sprintf("unknown output %q (did you mean %q?)", name, component)
	case b.isInput(name):
		return fmt.Sprintf("%q is an input: write it below \"inputs:\"", name)
	}
	return err.Error()
}

func (b *builder) isInput(name string) bool {
	return slices.ContainsFunc(b.env.Inputs, func(d plugins.Definition) bool { return d.Name() == name || slices.Contains(d.Aliases(), name) })
}

func (b *builder) isOutput(name string) bool {
	return slices.ContainsFunc(b.env.Outputs, func(d outputs.Definition) bool { return d.Name() == name || slices.Contains(d.Aliases(), name) })
}
