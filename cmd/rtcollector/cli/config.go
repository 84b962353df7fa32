//go:build !core

package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

func (a *App) configCommand(c *commonFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the configuration as it is in effect, or what a reload would change",
		Args:  rejectArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "print",
			Short: "Print the configuration with its defaults and what inputs inherit; credentials are hidden",
			Long: `Prints the configuration as it is in effect, as YAML: with the defaults of settings that are not in the file, and with what inputs inherit.
Variables and references to secrets stay as they are, and credentials are hidden.`,
			Args: rejectArguments,
			RunE: func(cmd *cobra.Command, _ []string) error { return a.printConfig(cmd.Context(), *c) },
		},
		&cobra.Command{
			Use:   "diff FILE",
			Short: "Show what a reload would change if the configuration became that of a file",
			Long: `Compares the configuration with another file, as a reload would: which inputs and outputs it would add, change, remove and keep, and
which of their settings differ. The exit status is 0 if nothing would change, 1 if something would, and 2 if a file has a mistake.`,
			Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error { return a.diffConfigs(cmd.Context(), *c, args[0]) },
		},
	)
	return cmd
}

func (a *App) loadDescribed(ctx context.Context, path string) (*config.Config, error) {
	env := a.configEnv()
	env.KeepSource = true
	cfg, _, err := a.loadWith(ctx, path, env)
	return cfg, err
}

func (a *App) printConfig(ctx context.Context, c commonFlags) error {
	cfg, err := a.loadDescribed(ctx, c.config)
	if err != nil {
		return err
	}
	text, err := cfg.Print()
	if err != nil {
		return runtimeFailure(err)
	}
	_, err = a.Stdout.Write(text)
	return err
}

func (a *App) diffConfigs(ctx context.Context, c commonFlags, other string) error {
	before, err := a.loadDescribed(ctx, c.config)
	if err != nil {
		return err
	}
	now, err := a.loadDescribed(ctx, other)
	if err != nil {
		return err
	}
	describe := func(cfg *config.Config) agent.Config {
		return a.describeAgent(cfg, slog.New(slog.DiscardHandler), io.Discard)
	}
	changes := agent.Compare(describe(before), describe(now))
	top := config.TopChanges(before, now)
	a.printKeyChanges(top)
	a.printDifference("", changes.Inputs, func(id string) []config.KeyChange { return config.InputChanges(before, now, id) })
	a.printDifference("output ", changes.Outputs, func(id string) []config.KeyChange { return config.OutputChanges(before, now, id) })
	kept := len(changes.Inputs.Kept) + len(changes.Outputs.Kept)
	if changes.IsEmpty() && len(top) == 0 {
		fmt.Fprintf(a.Stdout, "nothing would change; %d inputs and outputs continue\n", kept)
		return nil
	}
	fmt.Fprintf(a.Stdout, "%d inputs and outputs continue\n", kept)
	return &failure{code: exitFailed}
}

// printDifference prints the inputs or outputs that differ. Changed returns the keys that differ in one of them.
func (a *App) printDifference(kind string, d agent.Difference, changed func(id string) []config.KeyChange) {
	for _, id := range d.Added {
		fmt.Fprintf(a.Stdout, "added    %s%s\n", kind, terminal.Line(id))
	}
	for _, id := range d.Removed {
		fmt.Fprintf(a.Stdout, "removed  %s%s\n", kind, terminal.Line(id))
	}
	for _, id := range d.Changed {
		keys := changed(id)
		if len(keys) == 0 {
			fmt.Fprintf(a.Stdout, "changed  %s%s, because it inherits from the settings above\n", kind, terminal.Line(id))
			continue
		}
		fmt.Fprintf(a.Stdout, "changed  %s%s\n", kind, terminal.Line(id))
		a.printKeyChanges(keys)
	}
}

func (a *App) printKeyChanges(keys []config.KeyChange) {
	for _, k := range keys {
		if k.Before == k.Now {
			fmt.Fprintf(a.Stdout, "         %s: differs in what is hidden here: %s\n", terminal.Line(k.Key), terminal.Line(k.Now))
			continue
		}
		fmt.Fprintf(a.Stdout, "         %s: %s -> %s\n", terminal.Line(k.Key), terminal.Line(cmp.Or(k.Before, "(not set)")), terminal.Line(cmp.Or(k.Now, "(not set)")))
	}
}
