package plugintest

import (
	"runtime"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/plugins"
)

const goos = runtime.GOOS

// reporter is the part of testing.TB that the checks use, so that they can be tested themselves.
type reporter = catalogtest.Reporter

// checkConfig checks that an input's configuration is strict and documented.
func checkConfig(t reporter, def plugins.Definition) {
	catalogtest.CheckConfig(t, def, conf.Keys(plugins.Options{})...)
	catalogtest.CheckSample(t, def)
}
