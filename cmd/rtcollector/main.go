// Command rtcollector is a metrics agent that writes to RedisTimeSeries.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/cli"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
)

var version = "dev" // set by -ldflags -X main.version=…

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from the second signal on the system's default holds: it ends the process
	os.Exit(cli.Main(ctx, os.Args[1:], cli.App{
		Version: version, Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(),
		Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.LookupEnv, GOOS: runtime.GOOS,
	}))
}
