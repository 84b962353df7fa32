package cli_test

import (
	"os"
	"runtime"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// runAsProgram makes the test binary behave like rtcollector. Tests that send signals run it as a separate process.
const runAsProgram = "RTC_TEST_BE_RTCOLLECTOR"

func TestMain(m *testing.M) {
	if plan := os.Getenv(runAsFloor); plan != "" {
		runFloor(plan)
	}
	if os.Getenv(runAsProgram) != "" {
		rtcollector()
	}
	testscript.Main(m, map[string]func(){"rtcollector": rtcollector})
}

// rtcollector is cmd/rtcollector's main.
func rtcollector() {
	reloads := cli.NewReloads()
	os.Exit(cli.Main(cli.UntilSignal(os.Exit, reloads), os.Args[1:], cli.App{
		Version: "test", Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(),
		Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.LookupEnv, GOOS: runtime.GOOS, Reloads: reloads,
	}))
}

// TestScripts runs testdata/script/*.txtar: commands and their expected output.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true})
}
