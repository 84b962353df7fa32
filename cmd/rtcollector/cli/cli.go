// Package cli is the command line. It is the only place that turns a configuration into a running agent.
//
//   - cli.go: [Main], exit codes, the root command and its flags. suggest.go: errors about unknown commands and flags.
//   - load.go, assemble.go: from a configuration file to the description of an agent.
//   - streams.go: what everything that is printed goes through: redaction, escaping, failures to print. log.go: the log.
//   - signal.go: how signals end a command, or make it reload. reload.go: changes of a running agent; watch.go: of its file. watchdog.go: what systemd is told. memory.go: settings of the garbage collector.
//   - views.go: the commands that a custom build leaves out (build tag core; views_core.go).
//   - A file per command: run.go, once.go, check.go, config.go, demo.go (with screen.go, table.go, keys.go, suspend_*.go), logs.go (with
//     logs_*.go, pager.go), observe.go (with observe_child.go), report.go, export.go, status.go, processes.go, top.go, web.go, plugins.go, migrate.go,
//     init.go, bench.go (with machine.go), embedded.go (with access.go), service.go, health.go, completion.go, version.go.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/service"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/secrets"
)

// Exit codes.
const (
	exitFailed = 1 // something failed at run time
	exitUsage  = 2 // the command line or the configuration is wrong; nothing was started

	ExitInterrupted = 130 // a second signal arrived: 128 + SIGINT, the convention of shells
)

// App holds what the commands use: the lists of components and the surroundings of the process.
type App struct {
	Version        string
	Inputs         plugins.Catalog
	Outputs        outputs.Catalog
	Stores         secrets.Catalog
	Stdout, Stderr io.Writer
	Getenv         func(string) (string, bool) // os.LookupEnv
	GOOS           string
	Reloads        *Reloads // requests to read the configuration again; nil: there are none

	redactor *secret.Redactor // removes the values of secret stores from what is printed

	out              *outputStream    // the lowest writer to stdout
	textOut, textErr *terminal.Writer // the escaping writers below Stdout and Stderr
	rawOut, rawErr   io.Writer        // redacted, not escaped: see openStreams
}

// netdataName is the name under which Netdata finds the program: a link in its folder of plugins.
const netdataName = "rtcollector.plugin"

// Arguments returns the arguments of a call of the program: those of the command netdata-plugin if Netdata calls it.
func Arguments(call []string) []string {
	if len(call) == 0 {
		return nil
	}
	if filepath.Base(call[0]) == netdataName {
		return append([]string{"netdata-plugin"}, call[1:]...)
	}
	return call[1:]
}

// Main runs one command until it ends or ctx is done, and returns the exit code. As a service of Windows it is also stopped and told
// to reload by the service manager, and logs to the event log.
func Main(ctx context.Context, args []string, app App) int {
	code, isService := service.RunManaged(ctx, func(ctx context.Context, log io.Writer) int {
		app.Stderr = log
		return app.run(ctx, args)
	}, func() { app.Reloads.Request("the service manager") })
	if isService {
		return code
	}
	return app.run(ctx, args)
}

func (a App) run(ctx context.Context, args []string) int {
	a.redactor = &secret.Redactor{}
	a.openStreams()
	return a.closeStreams(a.execute(ctx, args))
}

// execute runs one command, prints its error and returns the exit code.
func (a *App) execute(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil || isReaderGone(err) {
		return 0
	}
	if isOutputError(err) {
		return exitFailed // closeStreams prints the error
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(a.Stderr, "interrupted")
		return ExitInterrupted
	}
	var failed *failure
	if errors.As(err, &failed) {
		if failed.err != nil {
			fmt.Fprintln(a.Stderr, failed.err)
		}
		return failed.code
	}
	fmt.Fprintf(a.Stderr, "rtcollector: %v\nTry \"rtcollector --help\".\n", err)
	return exitUsage
}

// failure is an error with an exit code. All other errors are errors of usage.
type failure struct {
	code int
	err  error // nil: everything was printed already
}

func (f *failure) Error() string { return fmt.Sprint(f.err) }
func (f *failure) Unwrap() error { return f.err }

func runtimeFailure(err error) error {
	if err == nil {
		return nil
	}
	return &failure{exitFailed, err}
}

// commonFlags holds the flags of every command that reads a configuration.
type commonFlags struct {
	config string
	debug  bool
}

// Commands returns the tree of all commands, for the tools that write manual pages and completion scripts.
func Commands(app App) *cobra.Command {
	app.redactor = &secret.Redactor{}
	app.openStreams()
	return app.rootCommand()
}

func (a *App) rootCommand() *cobra.Command {
	var c commonFlags
	var once, version bool
	root := &cobra.Command{
		Use:   "rtcollector",
		Short: "Collects metrics of this host and writes them to RedisTimeSeries",
		Long: `rtcollector collects metrics of this host and writes them to RedisTimeSeries.

To see it work without a Redis:          rtcollector demo
To run it with a configuration:          rtcollector run --config config.yaml
To see what a configuration would give:  rtcollector once`,
		Args:          rejectArguments,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case version: // cobra's own flag uses text/template, with which the linker keeps every method of every type: 10 MB
				_, err := fmt.Fprintln(a.Stdout, a.Version)
				return err
			case once:
				return a.runOnce(cmd.Context(), c, onceFlags{writeOutputs: true, quiet: true})
			case c.config == "" && a.findConfig() == "":
				return cmd.Help()
			}
			return a.runAgent(cmd.Context(), c, false)
		},
	}
	root.SetFlagErrorFunc(suggestFlag)
	root.PersistentFlags().StringVar(&c.config, "config", "", "configuration `file`; default: "+defaultPaths)
	root.PersistentFlags().BoolVarP(&c.debug, "debug", "d", false, "log timings and sizes too")
	root.Flags().BoolVar(&once, "once", false, "gather and write once, then exit")
	root.Flags().BoolVarP(&version, "version", "v", false, "print the version, then exit")
	root.AddCommand(a.runCommand(&c), a.initCommand(), a.onceCommand(&c), a.checkCommand(&c), a.serviceCommand(&c), a.pluginsCommand(), a.versionCommand())
	root.AddCommand(a.viewCommands(&c)...)
	a.addCompletions(root)
	return root
}
