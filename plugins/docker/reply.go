package docker

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// The types below are the parts of the daemon's answers that are used: https://docs.docker.com/reference/api/engine/. All numbers
// are float64, because some are as large as 2⁶⁴-1. Docker on cgroup v2, Docker on Windows and Podman omit parts.

// version is GET /version.
type version struct {
	APIVersion, MinAPIVersion, Os string
	Components                    []struct{ Name string }
}

func (v *version) isPodman() bool {
	return len(v.Components) > 0 && strings.HasPrefix(v.Components[0].Name, "Podman")
}

// newestAPI is the newest version of the API that these types were checked with. Newer daemons still answer requests for it.
const newestAPI = 51

// negotiateAPI returns the minor version of the API to use: the newest that both sides know.
func (v *version) negotiateAPI() (int, bool) {
	newest, ok := parseMinor(v.APIVersion)
	oldest, _ := parseMinor(v.MinAPIVersion)
	return max(min(newest, newestAPI), oldest), ok
}

func parseMinor(text string) (int, bool) {
	digits, ok := strings.CutPrefix(text, "1.")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n > 0 && n < 1000
}

// listedContainer is one container of GET /containers/json.
type listedContainer struct {
	ID, Image, State, Status string
	Names                    []string
	Labels                   json.RawMessage // decoded only if needed, because they are long
}

// name returns the name of the container. Names with two slashes ("/web/db") are links from other containers.
func (l *listedContainer) name() string {
	for _, name := range l.Names {
		if name = strings.TrimPrefix(name, "/"); name != "" && !strings.Contains(name, "/") {
			return name
		}
	}
	return l.ID[:min(len(l.ID), shortID)]
}

// shortID is the length of an ID in the label container_id.
const shortID = 12

func (l *listedContainer) decodeLabels() map[string]string {
	var labels map[string]string
	_ = json.Unmarshal(l.Labels, &labels) // anything but an object of strings has no labels
	return labels
}

// containerDetails is GET /containers/{id}/json.
type containerDetails struct {
	State struct {
		Status                                 string
		Running, Paused, Restarting, OOMKilled bool
		ExitCode                               float64
		StartedAt                              timestamp
		Health                                 *struct {
			Status        string
			FailingStreak float64
		}
	}
	RestartCount float64
	HostConfig   struct{ NanoCpus, CPUQuota, CPUPeriod float64 }
	Config       struct{ Env []string }
}

// cpuLimit returns how many cores the container may use; 0: all.
func (i *containerDetails) cpuLimit() float64 {
	h := &i.HostConfig
	switch {
	case h.NanoCpus > 0:
		return h.NanoCpus / 1e9
	case h.CPUQuota > 0 && h.CPUPeriod >= 1:
		return h.CPUQuota / h.CPUPeriod
	case h.CPUQuota > 0:
		return h.CPUQuota / 100_000 // the kernel's default
	}
	return 0
}

// timestamp is an instant. It is zero if the daemon sends the first second of year 1, or something that is not a time.
type timestamp struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (s *timestamp) UnmarshalJSON(text []byte) error {
	at, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(text))
	if err != nil {
		at = time.Time{}
	}
	s.Time = at
	return nil
}

// stats is GET /containers/{id}/stats.
type stats struct {
	Read timestamp `json:"read"` // zero: the container does not run
	Pids struct {
		Current float64 `json:"current"`
		Limit   float64 `json:"limit"`
	} `json:"pids_stats"`
	Blkio struct {
		Bytes []blkio `json:"io_service_bytes_recursive"`
		Ops   []blkio `json:"io_serviced_recursive"`
	} `json:"blkio_stats"`
	CPU struct {
		Usage struct {
			Total  float64 `json:"total_usage"`
			Kernel float64 `json:"usage_in_kernelmode"`
			User   float64 `json:"usage_in_usermode"`
		} `json:"cpu_usage"`
		Online     float64 `json:"online_cpus"`
		Throttling *struct {
			Periods          float64 `json:"periods"`
			ThrottledPeriods float64 `json:"throttled_periods"`
			ThrottledTime    float64 `json:"throttled_time"`
		} `json:"throttling_data"`
	} `json:"cpu_stats"`
	Memory   memory             `json:"memory_stats"`
	Networks map[string]network `json:"networks"`
	Storage  struct {           // Windows
		ReadCount  *float64 `json:"read_count_normalized"`
		ReadBytes  float64  `json:"read_size_bytes"`
		WriteCount float64  `json:"write_count_normalized"`
		WriteBytes float64  `json:"write_size_bytes"`
	} `json:"storage_stats"`
}

type memory struct {
	Usage    float64 `json:"usage"` // 0 or missing: the kernel does not measure memory
	MaxUsage float64 `json:"max_usage"`
	Failcnt  float64 `json:"failcnt"`
	Limit    float64 `json:"limit"`
	Private  float64 `json:"privateworkingset"` // Windows
	Stats    *struct {
		// cgroup v1: memory.stat, of the container and all cgroups below it
		TotalInactiveFile *float64 `json:"total_inactive_file"`
		TotalRss          *float64 `json:"total_rss"`
		TotalCache        *float64 `json:"total_cache"`
		TotalSwap         *float64 `json:"total_swap"`
		TotalMajorFaults  *float64 `json:"total_pgmajfault"`
		// cgroup v2: memory.stat, whose numbers always include the cgroups below
		InactiveFile *float64 `json:"inactive_file"`
		Anon         *float64 `json:"anon"`
		File         *float64 `json:"file"`
		MajorFaults  *float64 `json:"pgmajfault"`
	} `json:"stats"`
}

// isMeasured reports whether the kernel measures the memory of containers. Raspberry Pi OS does not: all values are missing or 0.
func (m *memory) isMeasured() bool { return m.Usage > 0 || m.Private > 0 }

// usedWithoutCache returns the memory without the page cache that the kernel can free at once, as "docker stats" shows it
// (docker/cli, cli/command/container/stats_helpers.go).
func (m *memory) usedWithoutCache() float64 {
	if m.Private > 0 {
		return m.Private
	}
	if m.Stats == nil {
		return m.Usage
	}
	for _, cache := range []*float64{m.Stats.TotalInactiveFile, m.Stats.InactiveFile} {
		if cache == nil {
			continue
		}
		if *cache < m.Usage {
			return m.Usage - *cache
		}
		return m.Usage
	}
	return m.Usage
}

type blkio struct {
	Major float64 `json:"major"`
	Minor float64 `json:"minor"`
	Op    string  `json:"op"` // Read, Write, Sync, …; of cgroup v2 read and write
	Value float64 `json:"value"`
}

type network struct {
	RxBytes   float64 `json:"rx_bytes"`
	RxPackets float64 `json:"rx_packets"`
	RxErrors  float64 `json:"rx_errors"`
	RxDropped float64 `json:"rx_dropped"`
	TxBytes   float64 `json:"tx_bytes"`
	TxPackets float64 `json:"tx_packets"`
	TxErrors  float64 `json:"tx_errors"`
	TxDropped float64 `json:"tx_dropped"`
}

// info is GET /info.
type info struct {
	Containers, ContainersRunning, ContainersPaused, ContainersStopped, Images float64
	NCPU, MemTotal                                                             float64
	Name, ServerVersion, Driver, CgroupVersion, OperatingSystem, OSType        string
	Swarm                                                                      struct {
		LocalNodeState   string
		ControlAvailable bool
		Nodes, Managers  float64
	}
}

// service is one of GET /services?status=true.
type service struct {
	Spec          serviceSpec
	ServiceStatus *struct{ RunningTasks, DesiredTasks, CompletedTasks float64 }
}

type serviceSpec struct {
	Name         string
	Labels       map[string]string
	Mode         map[string]json.RawMessage // its one key is the mode
	TaskTemplate struct{ ContainerSpec struct{ Image string } }
}

// modeName returns replicated, global, replicated_job or global_job.
func (s *serviceSpec) modeName() string {
	for name, key := range map[string]string{"replicated": "Replicated", "global": "Global", "replicated_job": "ReplicatedJob", "global_job": "GlobalJob"} {
		if _, has := s.Mode[key]; has {
			return name
		}
	}
	return ""
}

// node is one of GET /nodes.
type node struct {
	Spec        struct{ Role, Availability string }
	Description struct {
		Hostname string
		Engine   struct{ EngineVersion string }
	}
	Status        struct{ State string }
	ManagerStatus *struct{ Leader bool }
}

// diskUsage is GET /system/df.
type diskUsage struct {
	LayersSize float64
	Images     []struct{ Containers, SharedSize, Size float64 }
	Containers []struct {
		ID, State          string
		SizeRw, SizeRootFs float64
	}
	Volumes []struct {
		UsageData *struct{ RefCount, Size float64 }
	}
	BuildCache []struct {
		InUse, Shared bool
		Size          float64
	}
}

// isPossibleCount reports whether a number can be a count. Some answers contain -1, signed or unsigned, for an unknown number.
func isPossibleCount(v float64) bool { return telemetry.Bytes.Bounds(telemetry.Counter).Contains(v) }

// decodeJSON decodes an answer.
func decodeJSON[T any](page []byte) (*T, error) {
	reply := new(T)
	return reply, json.Unmarshal(page, reply)
}
