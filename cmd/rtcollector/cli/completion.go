package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/service"
)

// addCompletions makes the scripts of "rtcollector completion" offer the values of arguments and flags. It is called with the complete tree of
// commands. A command or flag that does not exist is skipped; a test looks for that.
func (a *App) addCompletions(root *cobra.Command) {
	for _, path := range []string{"plugins show", "plugins sample"} {
		if cmd := findCommand(root, path); cmd != nil {
			cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
				if len(args) > 0 {
					return nil, cobra.ShellCompDirectiveNoFileComp
				}
				return a.componentNames(), cobra.ShellCompDirectiveNoFileComp
			}
		}
	}
	for _, f := range a.flagValues() {
		if cmd := findCommand(root, f.command); cmd != nil && cmd.Flag(f.flag) != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.flag, cobra.FixedCompletions(f.values, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
		}
	}
	_ = root.MarkPersistentFlagFilename("config", "yaml", "yml") // the flag exists
}

// flagValue is a flag with a fixed list of values.
type flagValue struct {
	command, flag string
	values        []string
}

func (a *App) flagValues() []flagValue {
	return append(a.viewFlagValues(), flagValue{"once", "format", []string{"table", "json", "ts.add"}}, flagValue{"service", "system", service.Systems()})
}

// componentNames returns the names of all inputs, outputs and secret stores, and their other names.
func (a *App) componentNames() (names []string) {
	for _, kind := range a.components() {
		for _, c := range kind.list {
			names = append(names, c.Name())
			names = append(names, c.Aliases()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// findCommand returns a command by its path, such as "plugins show", or nil.
func findCommand(root *cobra.Command, path string) *cobra.Command {
	found, rest, err := root.Find(strings.Fields(path))
	if err != nil || len(rest) > 0 {
		return nil
	}
	return found
}
