// Command rtcollector is a metrics agent that writes to RedisTimeSeries.
package main

import (
	"os"
	"runtime"
	_ "time/tzdata" // for images without files, and for Windows: syslog.timezone, TZ

	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

var version = "dev" // set by -ldflags -X main.version=…

func main() {
	reloads := cli.NewReloads()
	os.Exit(cli.Main(cli.UntilSignal(os.Exit, reloads), cli.Arguments(os.Args), cli.App{
		Version: version, Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(),
		Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.LookupEnv, GOOS: runtime.GOOS, Reloads: reloads,
	}))
}
