package cli

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// noArguments checks the arguments of a command that takes none. An argument is a sub-command that does not exist, or a
// configuration without its flag.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if ext := filepath.Ext(args[0]); ext == ".yaml" || ext == ".yml" {
		return fmt.Errorf("unexpected argument %q; a configuration is named with --config", args[0])
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

// flagInUsage is a flag at the beginning of its line of help. Asking the flags themselves would need another module.
var flagInUsage = regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[\w-]+)`)

// suggestFlag adds the nearest flag to the error about one that does not exist.
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
