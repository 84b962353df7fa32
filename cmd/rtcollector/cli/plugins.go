package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/plugins"
)

// component is an input, an output or a secret store.
type component interface {
	Name() string
	Summary() string
	Readme() string
	Sample() string
	Aliases() []string
	Systems() []string
}

// componentList is a list of components of one kind.
type componentList struct {
	title string
	list  []component
}

func (a *App) components() []componentList {
	inputs, outputs, stores := componentList{title: "INPUT"}, componentList{title: "OUTPUT"}, componentList{title: "SECRET STORE"}
	for _, d := range a.Inputs.For(a.GOOS) {
		inputs.list = append(inputs.list, d)
	}
	for _, d := range a.Outputs {
		outputs.list = append(outputs.list, d)
	}
	for _, d := range a.Stores {
		stores.list = append(stores.list, d)
	}
	return []componentList{inputs, outputs, stores}
}

func (a *App) pluginsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugins",
		Short: "List inputs, outputs and secret stores, show their documentation, print sample configurations",
		Args:  rejectArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List inputs, outputs and secret stores", Args: rejectArguments,
			Run: func(*cobra.Command, []string) { a.printComponents() },
		},
		&cobra.Command{
			Use: "show NAME", Short: "Show the documentation of an input, output or secret store", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error { return a.printDocumentation(args[0]) },
		},
		&cobra.Command{
			Use: "sample [NAME]", Short: "Print the sample configuration of one component, or a complete one", Args: cobra.MaximumNArgs(1),
			RunE: func(_ *cobra.Command, args []string) error { return a.printSample(args) },
		},
	)
	return cmd
}

func (a *App) printComponents() {
	tw := tabwriter.NewWriter(a.Stdout, 0, 4, 2, ' ', 0)
	for _, kind := range a.components() {
		fmt.Fprintf(tw, "%s\tALSO\tRUNS ON\tWHAT IT DOES\n", kind.title)
		for _, d := range kind.list {
			systems := "all"
			if len(d.Systems()) > 0 {
				systems = strings.Join(d.Systems(), ", ")
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", d.Name(), strings.Join(d.Aliases(), ", "), systems, d.Summary())
		}
		fmt.Fprintln(tw, "\t\t\t")
	}
	_ = tw.Flush()
}

// findComponent returns the input, output or store called name. If an output and a store have the same name, the store is
// "secrets/name".
func (a *App) findComponent(name string) (component, error) {
	var names []string
	for _, kind := range a.components() {
		for _, d := range kind.list {
			for _, n := range append([]string{d.Name()}, d.Aliases()...) {
				if n == name || kind.title == "SECRET STORE" && "secrets/"+n == name {
					return d, nil
				}
				names = append(names, n)
			}
		}
	}
	return nil, &failure{exitUsage, fmt.Errorf("no input, output or secret store %q%s; \"rtcollector plugins list\" shows all", name, conf.Suggest(name, names))}
}

func (a *App) printDocumentation(name string) error {
	d, err := a.findComponent(name)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Stdout, strings.TrimRight(d.Readme(), "\n"))
	if _, isInput := d.(plugins.Definition); isInput {
		fmt.Fprintf(a.Stdout, "\n%s", plugins.OptionsDoc())
	}
	return nil
}

// formatStarterBlock returns a component's block of the sample configuration: indented, with the summary after the name.
func formatStarterBlock(block, summary string) string {
	name, rest, _ := strings.Cut(block, "\n")
	text := "  " + name + " # " + summary + "\n"
	for line := range strings.Lines(rest) {
		text += "  " + line
	}
	return text
}

func (a *App) printSample(args []string) error {
	if len(args) == 1 {
		d, err := a.findComponent(args[0])
		if err != nil {
			return err
		}
		fmt.Fprint(a.Stdout, d.Sample())
		return nil
	}
	fmt.Fprint(a.Stdout, "interval: 10s\ncounters: moving # counters that never change have no series; all: every counter\n\ninputs:\n")
	fmt.Fprint(a.Stdout, "  # Without \"metrics\" an input writes all its metrics; \"rtcollector plugins show NAME\" lists them.\n")
	for _, d := range a.Inputs.For(a.GOOS) {
		if d.Starts(a.GOOS) {
			fmt.Fprint(a.Stdout, formatStarterBlock(d.Starter(), d.Summary()))
		}
	}
	fmt.Fprint(a.Stdout, "  # These need a service or settings; \"rtcollector plugins sample NAME\" shows an example:\n")
	for _, d := range a.Inputs.For(a.GOOS) {
		if d.Runs(a.GOOS) && !d.Starts(a.GOOS) {
			fmt.Fprintf(a.Stdout, "  # - %s # %s\n", d.Name(), d.Summary())
		}
	}
	fmt.Fprint(a.Stdout, "\noutputs:\n  - redistimeseries:\n      host: 127.0.0.1\n      port: 6379\n      retention: 7d\n"+
		"      # compactions: [{every: 1h, keep: 1y, aggregations: [avg, max]}] # aggregates that are kept for longer\n")
	return nil
}
