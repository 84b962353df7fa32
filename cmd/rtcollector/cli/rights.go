package cli

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/capability"
	"github.com/rtcollector/rtcollector/internal/catalog"
)

// alwaysKept returns the capabilities that an agent of root keeps whatever it is configured to do. Outputs and listeners use files and
// ports whose owners they do not know, and a changed configuration may start commands as another user.
func alwaysKept() capability.Set {
	return capability.Of("CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_NET_BIND_SERVICE")
}

// neededCapabilities returns the capabilities that the inputs of a configuration need.
func neededCapabilities(cfg *config.Config) (needed capability.Set) {
	for _, n := range needs(cfg) {
		needed |= capability.Of(strings.Fields(n.Capabilities)...)
	}
	if needed.Has("CAP_BPF") { // before Linux 5.8 and 5.11, eBPF needs these
		needed |= capability.Of("CAP_SYS_ADMIN", "CAP_SYS_RESOURCE")
	}
	return needed
}

// lendsRights reports whether an input starts programs of the user that have at most the capabilities of this process.
func lendsRights(cfg *config.Config) bool {
	return capability.AreInherited() && slices.ContainsFunc(cfg.Inputs, func(in config.Input) bool {
		_, starts := in.Built.Config.(catalog.Starter)
		return starts
	})
}

// dropRights gives up the capabilities that no input of the configuration needs, and returns them. A fault in this process then costs less.
// It gives up nothing if programs of the user would lose it, too.
func dropRights(cfg *config.Config, log *slog.Logger) capability.Set {
	if lendsRights(cfg) {
		return 0
	}
	dropped, err := capability.Drop(alwaysKept() | neededCapabilities(cfg))
	switch {
	case err != nil:
		log.Debug("capabilities that no input needs could not be given up", "error", err) // the unit of systemd forbids capset, and grants few
	case dropped != 0:
		log.Debug("gave up the capabilities that no input needs", "dropped", strings.Join(dropped.Names(), " "))
	}
	return dropped
}
