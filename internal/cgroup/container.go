package cgroup

import "strings"

// Runtimes.
const (
	docker     = "docker"
	podman     = "podman"
	containerd = "containerd"
	crio       = "cri-o"
	lxc        = "lxc"
	nspawn     = "nspawn"
)

// findContainer returns the innermost container of a path.
func findContainer(path string) (id, runtime string) {
	segments(path, func(segment, outside, inside string) bool {
		id, runtime = parseContainer(segment, outside, inside)
		return id == ""
	})
	return id, runtime
}

// parseContainer returns the container that a part of a path stands for. Outside is the path to it, inside the part after it.
func parseContainer(segment, outside, inside string) (id, runtime string) {
	for _, parse := range []func(segment, outside, inside string) (id, runtime string){parsePlainID, parseScope, parseTriple, parseTask, parseLXC, parseNspawn} {
		if id, runtime = parse(segment, outside, inside); id != "" {
			return id, runtime
		}
	}
	return "", ""
}

// parsePlainID parses an id that is a whole part: "docker/ID". Many digits alone are not a container, so what is outside decides.
func parsePlainID(segment, outside, _ string) (id, runtime string) {
	if !isID(segment) {
		return "", ""
	}
	parent := outside[strings.LastIndexByte(outside, '/')+1:]
	switch parent {
	case "docker", "actions_job", "moby": // actions_job: the runner of GitHub
		return segment, docker
	case "libpod_parent", "podman":
		return segment, podman
	case "default", "k8s.io", "containerd", "nerdctl": // default: the first namespace of containerd
		return segment, containerd
	case "crio":
		return segment, crio
	}
	if strings.HasPrefix(parent, "pod") && strings.Contains(outside, "kubepods") || strings.HasPrefix(outside, "/kubepods") || hasPart(outside, "ecs") {
		return segment, ""
	}
	return "", ""
}

// parseScope parses "docker-ID.scope", and "libpod-ID" as without systemd. "libpod-conmon-ID" and "crio-conmon-ID" are programs of the host
// that watch a container.
func parseScope(segment, _, _ string) (id, runtime string) {
	name := strings.TrimSuffix(segment, ".scope")
	i := strings.LastIndexByte(name, '-')
	if i < 0 || !isID(name[i+1:]) {
		return "", ""
	}
	if runtime = scopeRuntime(name[:i]); runtime == "" {
		return "", ""
	}
	return name[i+1:], runtime
}

// scopeRuntime returns the runtime that begins the names of its groups with a word.
func scopeRuntime(word string) string {
	switch word {
	case "docker":
		return docker
	case "libpod", "libpod-payload":
		return podman
	case "cri-containerd", "nerdctl", "containerd":
		return containerd
	case "crio", "cri-o":
		return crio
	}
	return ""
}

// parseTriple parses "kubepods-pod1.slice:cri-containerd:ID": a path for systemd that the runtime took for one of the file system.
func parseTriple(segment, _, _ string) (id, runtime string) {
	i := strings.LastIndexByte(segment, ':')
	if i < 0 || !isID(segment[i+1:]) {
		return "", ""
	}
	before := segment[:i]
	if runtime = scopeRuntime(before[strings.LastIndexByte(before, ':')+1:]); runtime == "" {
		return "", ""
	}
	return segment[i+1:], runtime
}

// parseTask parses a container of AWS Fargate: "ecs/TASK/TASK-NUMBER", with a task of 32 hexadecimal digits.
func parseTask(segment, outside, _ string) (id, runtime string) {
	task, number, ok := strings.Cut(segment, "-")
	if ok && len(task) == 32 && isHex(task) && number != "" && len(number) <= 20 && strings.Trim(number, "0123456789") == "" && hasPart(outside, "ecs") {
		return segment, ""
	}
	return "", ""
}

// maxName bounds the name of a container that has no id; host names have at most 64 bytes.
const maxName = 64

// parseLXC parses "lxc.payload.NAME", "lxc.payload/NAME" and "lxc/NAME". The group lxc.monitor.NAME has a program of the host.
func parseLXC(segment, outside, _ string) (id, runtime string) {
	name, ok := strings.CutPrefix(segment, "lxc.payload.")
	if !ok {
		if parent := outside[strings.LastIndexByte(outside, '/')+1:]; parent != "lxc" && parent != "lxc.payload" {
			return "", ""
		}
		name = segment
	}
	if name == "" || len(name) > maxName {
		return "", ""
	}
	return name, lxc
}

// parseNspawn parses "systemd-nspawn@NAME.service/payload" and "machine-NAME.scope/payload". The group "supervisor" has systemd-nspawn
// itself, and a scope without "payload" is a virtual machine.
func parseNspawn(segment, _, inside string) (id, runtime string) {
	name, isService := strings.CutPrefix(segment, "systemd-nspawn@")
	name, ok := strings.CutSuffix(name, ".service")
	if !isService || !ok {
		name, ok = strings.CutPrefix(segment, "machine-")
		if name, isScope := strings.CutSuffix(name, ".scope"); ok && isScope {
			return nameNspawn(name, inside)
		}
		return "", ""
	}
	return nameNspawn(name, inside)
}

func nameNspawn(name, inside string) (id, runtime string) {
	if name = UnescapeUnit(name); name == "" || len(name) > maxName || inside != "payload" {
		return "", ""
	}
	return name, nspawn
}

// hasPart reports whether a path has a part.
func hasPart(path, part string) bool { return strings.Contains(path+"/", "/"+part+"/") }

// isID reports whether a text has the form of the id of a container: 64 hexadecimal digits.
func isID(text string) bool { return len(text) == 64 && isHex(text) }

func isHex(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
