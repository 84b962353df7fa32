package cli

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

// capabilityBit returns the number of a capability that an input may need (include/uapi/linux/capability.h), or -1.
func capabilityBit(name string) int {
	switch name {
	case "CAP_DAC_READ_SEARCH":
		return 2
	case "CAP_SETGID":
		return 6
	case "CAP_SETUID":
		return 7
	case "CAP_NET_BIND_SERVICE":
		return 10
	case "CAP_NET_ADMIN":
		return 12
	case "CAP_NET_RAW":
		return 13
	case "CAP_SYS_PTRACE":
		return 19
	case "CAP_SYS_ADMIN":
		return 21
	case "CAP_PERFMON":
		return 38
	case "CAP_BPF":
		return 39
	}
	return -1
}

// capabilities are the rights of a process: a bit for each capability.
type capabilities uint64

// has reports whether a capability is there. CAP_SYS_ADMIN comprises those that were split from it in Linux 5.8.
func (c capabilities) has(name string) bool {
	isSet := func(name string) bool {
		bit := capabilityBit(name)
		return bit >= 0 && c>>bit&1 == 1
	}
	wasSplit := name == "CAP_BPF" || name == "CAP_PERFMON"
	return isSet(name) || wasSplit && isSet("CAP_SYS_ADMIN")
}

// lacks returns which of some capabilities are not there.
func (c capabilities) lacks(wanted string) (lacking []string) {
	for _, name := range strings.Fields(wanted) {
		if !c.has(name) {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

// ownCapabilities returns the effective capabilities of this process. ok is false on systems without capabilities.
func ownCapabilities() (c capabilities, ok bool) {
	data, err := hostfs.SelfFile("status").Read()
	if err != nil {
		return 0, false
	}
	return parseCapabilities(data)
}

// parseCapabilities finds the line CapEff in /proc/PID/status (proc(5)): 16 hexadecimal digits.
func parseCapabilities(status []byte) (c capabilities, ok bool) {
	for len(status) > 0 {
		var line []byte
		line, status = scan.CutLine(status)
		name, rest := scan.CutField(line)
		if string(name) == "CapEff:" {
			_, err := fmt.Sscanf(string(rest), "%x", &c)
			return c, err == nil
		}
	}
	return 0, false
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
		lacks := has.lacks(n.Capabilities)
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
