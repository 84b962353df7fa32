//go:build !core

package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/connections"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/observe"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/snapshots"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// viewCommands returns the commands that show and try things: everything but what an agent needs to run. A custom build leaves them out (the
// build tag core, docs/adr/0030), and with them PromQL, the dashboard, the terminal view and the embedded Redis.
func (a *App) viewCommands(c *commonFlags) []*cobra.Command {
	return []*cobra.Command{a.demoCommand(c), a.embeddedCommand(c), a.logsCommand(c), a.observeCommand(c), a.releasedCommand(), a.reportCommand(c),
		a.exportCommand(c), a.statusCommand(c), a.processesCommand(c), a.topCommand(c), a.webCommand(c), a.healthCommand(c), a.configCommand(c), a.benchCommand(), a.migrateCommand(), a.functionCommand(c), a.netdataPluginCommand(c)}
}

// viewFlagValues returns the flags of these commands that have a fixed list of values.
func (a *App) viewFlagValues() []flagValue {
	var severities []string
	for s := telemetry.Emergency; s <= telemetry.Debug; s++ {
		severities = append(severities, s.String(), s.String()+"..")
	}
	var inputs []string
	for _, d := range a.Inputs {
		inputs = append(inputs, d.Name())
	}
	return []flagValue{
		{"export", "format", []string{string(connections.CSV), string(connections.JSONL)}},
		{"logs", "severity", severities},
		{"logs", "source", inputs},
		{"observe", "preset", observe.Presets(nil)},
		{"processes top", "by", strings.FieldsFunc(strings.ReplaceAll(snapshots.Orders, " or ", ", "), func(r rune) bool { return r == ',' || r == ' ' })},
		{"web", "auth", []string{"none"}},
	}
}
