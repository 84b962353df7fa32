// Package cli is the command line: one file per sub-command. It is the only place that turns a configuration into a
// running agent.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/secrets"
)

// Exit codes.
const (
	exitFailed = 1 // something did not work at run time
	exitUsage  = 2 // the command line or the configuration is wrong; nothing was started

	ExitInterrupted = 130 // a second signal came: 128 + SIGINT, as shells have it
)

// App is what the command line works with: the lists of components, and the process around it.
type App struct {
	Version        string
	Inputs         plugins.Catalog
	Outputs        outputs.Catalog
	Stores         secrets.Catalog
	Stdout, Stderr io.Writer
	Getenv         func(string) (string, bool) // os.LookupEnv
	GOOS           string

	hidden *secret.Redactor // what came from secret stores and is not printed

	out              *outputStream    // below the other writers to stdout
	textOut, textErr *terminal.Writer // what escapes, below Stdout and Stderr
	rawOut, rawErr   io.Writer        // redacted, not escaped: see openStreams
}

// Main runs one command until it ends or ctx is done, and returns the exit code.
func Main(ctx context.Context, args []string, app App) int {
	app.hidden = &secret.Redactor{}
	app.openStreams()
	return app.closeStreams(app.execute(ctx, args))
}

// execute runs one command, prints its error and returns the exit code.
func (a *App) execute(ctx context.Context, args []string) int {
	root := a.root()
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

// failure is an error with an exit code; any other error is one of usage.
type failure struct {
	code int
	err  error // nil: all was said already
}

func (f *failure) Error() string { return fmt.Sprint(f.err) }
func (f *failure) Unwrap() error { return f.err }

func fail(err error) error {
	if err == nil {
		return nil
	}
	return &failure{exitFailed, err}
}

// common are the flags of every command that reads a configuration.
type common struct {
	config string
	debug  bool
}

func (a *App) root() *cobra.Command {
	var c common
	var once, version bool
	root := &cobra.Command{
		Use:   "rtcollector",
		Short: "Collects metrics of this host and writes them to RedisTimeSeries",
		Long: `rtcollector collects metrics of this host and writes them to RedisTimeSeries.

To see it work without a Redis:          rtcollector demo
To run it with a configuration:          rtcollector run --config config.yaml
To see what a configuration would give:  rtcollector once`,
		Args:          noArguments,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case version: // not cobra's own, which goes through text/template: with that in it the linker keeps every method of every type, 10 MB of them
				_, err := fmt.Fprintln(a.Stdout, a.Version)
				return err
			case once:
				return a.once(cmd.Context(), c, onceFlags{write: true, quiet: true})
			case c.config == "" && a.findConfig() == "":
				return cmd.Help()
			}
			return a.run(cmd.Context(), c)
		},
	}
	root.SetFlagErrorFunc(suggestFlag)
	root.PersistentFlags().StringVar(&c.config, "config", "", "configuration `file`; default: "+defaultPlaces)
	root.PersistentFlags().BoolVarP(&c.debug, "debug", "d", false, "log timings, sizes and fills")
	root.Flags().BoolVar(&once, "once", false, "gather and write once, then exit")
	root.Flags().BoolVarP(&version, "version", "v", false, "print the version, then exit")
	root.AddCommand(a.runCommand(&c), a.demoCommand(&c), a.embeddedCommand(&c), a.onceCommand(&c), a.checkCommand(&c),
		a.logsCommand(&c), a.pluginsCommand(), a.versionCommand(), a.benchCommand())
	return root
}
