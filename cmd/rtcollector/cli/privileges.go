package cli

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/capability"
	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

// ownCapabilities returns the effective capabilities of this process. ok is false on systems without capabilities.
func ownCapabilities() (own capability.Set, ok bool) {
	data, err := hostfs.SelfFile("status").Read()
	if err != nil {
		return 0, false
	}
	return capability.Parse(data)
}

// need is what an input needs to be permitted.
type need struct {
	input string
	catalog.Privilege
}

// needs returns what the inputs of a configuration need, each once.
func needs(cfg *config.Config) (all []need) {
	for _, in := range cfg.Inputs {
		p, ok := in.Built.Config.(catalog.Privileged)
		if !ok {
			continue
		}
		for _, one := range p.Privileges() {
			if n := (need{in.ID, one}); !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	}
	return all
}

// printPrivileges prints which capabilities the inputs need, and which of them this process lacks.
func (a *App) printPrivileges(cfg *config.Config) error {
	has, ok := ownCapabilities()
	all := needs(cfg)
	switch {
	case !ok:
		_, err := fmt.Fprintln(a.Stdout, "this system has no capabilities: inputs see what the user may see who runs the agent")
		return err
	case len(all) == 0:
		_, err := fmt.Fprintln(a.Stdout, "no input needs more rights than every user has")
		return err
	}
	var wanted, lacking []string
	t := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "INPUT\tNEEDS\tLACKS\tFOR")
	for _, n := range all {
		lacks := has.Lacks(n.Capabilities)
		lacking = append(lacking, lacks...)
		wanted = append(wanted, strings.Fields(n.Capabilities)...)
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", terminal.Line(n.input), n.Capabilities, cmp.Or(strings.Join(lacks, " "), "–"), terminal.Line(n.Without))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(lacking) == 0 {
		_, err := fmt.Fprintln(a.Stdout, "\nnothing is lacking for this user")
		return err
	}
	return a.printGrants(unique(wanted))
}

// printGrants prints how to give the agent its capabilities.
func (a *App) printGrants(wanted []string) error {
	program, err := os.Executable()
	if err != nil {
		program = "rtcollector"
	}
	_, err = fmt.Fprintf(a.Stdout, "\nThis process lacks some of them. Give them to the program, or to its service, or to its container:\n"+
		"  setcap %s+ep %s\n  AmbientCapabilities=%s   (in the unit of systemd)\n  docker run --cap-add %s …\n",
		strings.ToLower(strings.Join(wanted, ",")), terminal.Line(program), strings.Join(wanted, " "), strings.ReplaceAll(strings.Join(wanted, " --cap-add "), "CAP_", ""))
	return err
}

// unique returns each text once, sorted.
func unique(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
