//go:build !core

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/migrate"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

func (a *App) migrateCommand() *cobra.Command {
	var from string
	var names []string
	for _, f := range migrate.Formats() {
		names = append(names, string(f))
	}
	cmd := &cobra.Command{
		Use:   "migrate FILE",
		Short: "Translate the configuration of another agent",
		Long: `Prints a configuration for what FILE configures, and on stderr, line by line, what changed and what has no equivalent. FILE is the YAML of the
Python rtcollector, Telegraf's TOML, Netdata's netdata.conf or exporting.conf, or anything with flags of node_exporter: a unit of systemd, /etc/default,
a shell script. "-" is the standard input. Credentials are not copied. The exit code is 0 if "rtcollector check" accepts the result.

  rtcollector migrate /etc/telegraf/telegraf.conf > config.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one file to translate, or - for the standard input")
			}
			return a.runMigrate(cmd.Context(), cmd.InOrStdin(), args[0], migrate.Format(from))
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "`format` of the file: "+strings.Join(names, ", ")+"; default: recognised by the content")
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *App) runMigrate(ctx context.Context, stdin io.Reader, path string, from migrate.Format) error {
	data, err := readMigrated(stdin, path)
	if err != nil {
		return &failure{exitUsage, err}
	}
	result, err := migrate.Translate(data, from)
	shown := path
	if path == "-" {
		shown = "standard input"
	}
	if err != nil {
		if _, atPlace := config.Names(shown, data); atPlace != nil && migrate.IsYAMLError(err) {
			err = atPlace
		} else {
			err = fmt.Errorf("%s:%s", shown, positioned(err.Error()))
		}
		return &failure{exitUsage, err}
	}
	if _, err := a.Stdout.Write(result.Config); err != nil {
		return err
	}
	left := 0
	for _, n := range result.Notes {
		at := shown
		if n.Line > 0 {
			at = fmt.Sprintf("%s:%d", shown, n.Line)
		}
		if n.Kind == migrate.LeftOut {
			left++
		}
		fmt.Fprintf(a.Stderr, "%s: %s: %s\n", terminal.Line(at), n.Kind, terminal.Line(n.Text))
	}
	env := a.configEnv()
	var unset []string
	env.Getenv = func(name string) (string, bool) {
		value, ok := a.Getenv(name)
		if !ok && !slices.Contains(unset, name) && !strings.HasPrefix(name, "SECRET_") {
			unset = append(unset, name)
		}
		return cmp.Or(value, "1"), true // what runs the agent sets it; 1 is a number and a text
	}
	cfg, err := config.Parse(ctx, "result", result.Config, env)
	var problems conf.Problems
	switch {
	case errors.As(err, &problems):
		return runtimeFailure(fmt.Errorf("%w\n\"rtcollector check\" does not accept the result yet: correct these lines of it", limitProblems(problems)))
	case err != nil:
		return runtimeFailure(err)
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(a.Stderr, "warning:", w.Error())
	}
	if len(unset) > 0 {
		slices.Sort(unset)
		fmt.Fprintf(a.Stderr, "%s: to do: these variables must also be set for the agent: %s\n", terminal.Line(shown), strings.Join(unset, ", "))
	}
	fmt.Fprintf(a.Stderr, "%s: ok: %s and %s; %s left out\n", terminal.Line(shown), pluralize(len(cfg.Inputs), "input"), pluralize(len(cfg.Outputs), "output"), pluralize(left, "line"))
	return nil
}

// readMigrated reads a file, or stdin for "-".
func readMigrated(stdin io.Reader, path string) ([]byte, error) {
	if path != "-" {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%w: read it with sudo, and pass it on the standard input: sudo cat %s | rtcollector migrate -", err, path)
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		stdin = f
	}
	return io.ReadAll(io.LimitReader(stdin, migrate.MaxSize+1))
}

// positioned puts a blank before a message that does not begin with line and column.
func positioned(message string) string {
	if message != "" && message[0] >= '0' && message[0] <= '9' {
		return message
	}
	return " " + message
}
