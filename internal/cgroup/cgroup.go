// Package cgroup reads where a process is in the control groups: its systemd unit and its container.
//
//   - cgroup.go: [Parse], from /proc/PID/cgroup to a [Place]. unit.go: names of systemd units and their escapes.
//   - container.go: the layouts by which runtimes name the group of a container.
package cgroup

import (
	"bytes"
	"strings"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// Place is where a process is in the control groups. All texts are valid UTF-8.
type Place struct {
	Path      string // of the unified hierarchy, else of name=systemd, else the longest one; "/" in the root of all
	Unit      string // the innermost systemd service or scope as systemctl names it, such as "nginx.service"; "": none
	Container string // the full id, or the name of a container that has no id; "": none
	Runtime   string // docker, podman, containerd, cri-o, lxc or nspawn; "": unknown, or no container
}

// Limits of what is parsed. The kernel has at most some 15 hierarchies, and paths of at most 4096 bytes.
const (
	maxFile  = 64 << 10
	maxLines = 64
	maxPath  = 4096
)

// Parse parses /proc/PID/cgroup as the host sees it (cgroups(7)). Each line is "number:controllers:path". Lines that are not are
// left out. A process in the root of all hierarchies has the path "/", no unit and no container.
func Parse(file []byte) Place {
	paths := parsePaths(file)
	var p Place
	if len(paths) > 0 {
		p.Path = paths[0]
	}
	for _, path := range paths {
		if p.Unit == "" {
			p.Unit = findUnit(path)
		}
		if p.Container == "" {
			p.Container, p.Runtime = findContainer(path)
		}
	}
	return p
}

// parsePaths returns the paths of all hierarchies, the one that says most first: the unified hierarchy, then name=systemd, then the
// others from the longest on. A path "/" says nothing and comes last.
func parsePaths(file []byte) []string {
	if len(file) > maxFile {
		file = file[:maxFile]
	}
	var unified, systemd, root string
	var others []string
	for n := 0; len(file) > 0 && n < maxLines; n++ {
		var line []byte
		line, file = scan.CutLine(file)
		_, rest, isLine := bytes.Cut(line, []byte{':'})
		controllers, path, isComplete := bytes.Cut(rest, []byte{':'})
		path, _ = bytes.CutSuffix(path, []byte(" (deleted)"))
		switch {
		case !isLine || !isComplete || len(path) == 0 || path[0] != '/' || len(path) > maxPath:
		case len(path) == 1:
			root = "/"
		case len(controllers) == 0 && unified == "":
			unified = toText(path)
		case string(controllers) == "name=systemd" && systemd == "":
			systemd = toText(path)
		default:
			others = append(others, toText(path))
		}
	}
	return orderPaths(unified, systemd, others, root)
}

func orderPaths(unified, systemd string, others []string, root string) []string {
	paths := make([]string, 0, 3+len(others))
	for _, path := range []string{unified, systemd} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	first := len(paths)
	for _, path := range others {
		paths = append(paths, path)
		if last := len(paths) - 1; len(path) > len(paths[first]) {
			paths[first], paths[last] = paths[last], paths[first]
		}
	}
	if root != "" {
		paths = append(paths, root)
	}
	return paths
}

func toText(path []byte) string { return strings.ToValidUTF8(string(path), "\ufffd") }

// segments calls each with the parts of a path from the innermost on, and with those outside of it, until each returns false.
func segments(path string, each func(segment, outside, inside string) bool) {
	inside := ""
	for path != "" {
		i := strings.LastIndexByte(path, '/')
		segment, outside := path[i+1:], path[:max(i, 0)]
		if segment != "" && !each(segment, outside, inside) {
			return
		}
		if segment != "" {
			inside = segment
		}
		path = outside
	}
}
