package linuxdisk

import (
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/match"
)

// Config has the input's settings: which mounts are reported.
type Config struct {
	ExcludeMounts match.List `yaml:"exclude_mounts"` // paths
	IncludeMounts match.List `yaml:"include_mounts"` // paths; if set, only these, even if excluded by other settings
	ExcludeTypes  match.List `yaml:"exclude_types"`  // file systems: ext4, nfs4, fuse.sshfs
	ExcludeDocker bool       `yaml:"exclude_docker"` // exclude mounts of container engines
}

func defaults() Config { return Config{ExcludeDocker: true} }

// selectMounts returns the mounts to report, in their order.
func (c Config) selectMounts(all []mount) []mount {
	visible := map[string]int{} // by path: a later mount covers an earlier one
	best := map[string]int{}    // by device: which of several mounts of the same space is reported
	for i, m := range all {
		visible[m.path] = i
	}
	for i, m := range all {
		if visible[m.path] != i || !c.acceptsMount(m) {
			continue
		}
		if b, ok := best[m.device]; !ok || m.listed.IsBetterThan(all[b].listed) {
			best[m.device] = i
		}
	}
	var chosen []mount
	for i, m := range all {
		if visible[m.path] == i && c.acceptsMount(m) && (c.isIncluded(m) || best[m.device] == i) {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// isIncluded reports whether the user included this mount.
func (c Config) isIncluded(m mount) bool { return c.IncludeMounts.Match(m.path) }

func (c Config) acceptsMount(m mount) bool {
	if c.ExcludeMounts.Match(m.path) || c.ExcludeTypes.Match(m.fstype) {
		return false
	}
	if len(c.IncludeMounts) > 0 {
		return c.isIncluded(m)
	}
	if isPseudo(m.fstype) || m.path != "/" && (isAlwaysFull(m.fstype) || strings.HasPrefix(m.source, "/dev/loop")) {
		return false
	}
	return !c.ExcludeDocker || !isContainerMount(m)
}

// isContainerMount reports whether a container engine made the mount: layers, name spaces and, inside a container, the files that
// it mounts over those of the image. An overlay on "/" is the root of the container that the agent runs in.
func isContainerMount(m mount) bool {
	if m.fstype == "overlay" || m.fstype == "aufs" {
		return m.path != "/"
	}
	if slices.Contains([]string{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}, m.path) {
		return true
	}
	for _, below := range []string{"/var/lib/docker/", "/var/lib/containers/", "/var/lib/kubelet/pods/", "/run/docker/"} {
		if strings.HasPrefix(m.path, below) {
			return true
		}
	}
	return strings.Contains(m.source, "docker")
}
