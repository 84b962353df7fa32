package cli

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// rejectArguments checks the arguments of a command that takes none. An argument is probably a sub-command that does not exist,
// or a configuration file without its flag.
func rejectArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if ext := filepath.Ext(args[0]); ext == ".yaml" || ext == ".yml" {
		return fmt.Errorf("unexpected argument %q; name a configuration with --config", args[0])
	}
	if !cmd.HasSubCommands() {
		return fmt.Errorf("unexpected argument %q: %q takes none", args[0], cmd.CommandPath())
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return fmt.Errorf("unknown command %q for %q%s", args[0], cmd.CommandPath(), conf.Suggest(args[0], names))
}

// flagInUsage matches a flag at the start of its line of help. Iterating over the flags themselves would need another module.
var flagInUsage = regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[\w-]+)`)

// suggestFlag adds the most similar flag to an error about an unknown flag.
func suggestFlag(cmd *cobra.Command, err error) error {
	name, isUnknown := strings.CutPrefix(err.Error(), "unknown flag: ")
	if !isUnknown {
		return err
	}
	var names []string
	for _, m := range flagInUsage.FindAllStringSubmatch(cmd.Flags().FlagUsages(), -1) {
		names = append(names, m[1])
	}
	return fmt.Errorf("unknown flag: %s for %q%s", name, cmd.CommandPath(), conf.Suggest(name, names))
}
