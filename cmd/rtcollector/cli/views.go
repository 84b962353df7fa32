//go:build !core

package cli

import "github.com/spf13/cobra"

// viewCommands returns the commands that show and try things: everything but what an agent needs to run. A custom build leaves them out (the
// build tag core, docs/adr/0030), and with them PromQL, the dashboard, the terminal view and the embedded Redis.
func (a *App) viewCommands(c *commonFlags) []*cobra.Command {
	return []*cobra.Command{a.demoCommand(c), a.embeddedCommand(c), a.logsCommand(c), a.observeCommand(c), a.releasedCommand(), a.reportCommand(c),
		a.exportCommand(c), a.statusCommand(c), a.processesCommand(c), a.topCommand(c), a.webCommand(c), a.benchCommand(), a.migrateCommand()}
}
