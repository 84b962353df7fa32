package processtop

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/procusage"
	"github.com/rtcollector/rtcollector/internal/units"
)

// Config has the settings of the input.
type Config struct {
	procusage.Settings `yaml:",inline"`
	By                 []use         `yaml:"by"`
	Top                int           `yaml:"top"`            // names overall, for each of By
	TopPerGroup        int           `yaml:"top_per_group"`  // names in each group, for each of By
	PerPID             bool          `yaml:"per_pid"`        // a series for each process instead of each name
	PSSBudget          conf.Duration `yaml:"pss_budget"`     // how long reading PSS may take at each gather; 0: a hundredth of the interval
	SnapshotEvery      int           `yaml:"snapshot_every"` // gathers between two tables; 0: no tables
	SnapshotRows       int           `yaml:"snapshot_rows"`  // processes in a table
}

func defaults() Config {
	return Config{
		Settings: procusage.DefaultSettings(), By: []use{cpu, rss, pss, read, write, rx, tx}, Top: 10, TopPerGroup: 3, SnapshotEvery: 6, SnapshotRows: 20,
	}
}

// Limits of the settings.
const (
	maxTop  = 1000
	maxRows = 200
)

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	errs := []error{c.Settings.Validate()}
	if c.Top < 0 || c.Top > maxTop {
		errs = append(errs, conf.Key("top", "must be between 0 and %d", maxTop))
	}
	if c.TopPerGroup < 0 || c.TopPerGroup > maxTop {
		errs = append(errs, conf.Key("top_per_group", "must be between 0 and %d", maxTop))
	}
	if c.SnapshotRows < 1 || c.SnapshotRows > maxRows {
		errs = append(errs, conf.Key("snapshot_rows", "must be between 1 and %d", maxRows))
	}
	if c.SnapshotEvery < 0 {
		errs = append(errs, conf.Key("snapshot_every", "must not be negative"))
	}
	if len(c.By) == 0 {
		errs = append(errs, conf.Key("by", "must name at least one of %s", strings.Join(useNames(), ", ")))
	}
	return errors.Join(errs...)
}

// needs returns what must be read. PSS has a hundredth of the time unless the settings say otherwise.
func (c *Config) needs(interval time.Duration) procusage.Needs {
	wants := func(some ...use) bool {
		return slices.ContainsFunc(some, func(u use) bool { return slices.Contains(c.By, u) })
	}
	n := procusage.Needs{IO: wants(read, write), Memory: wants(pss), Network: c.Network && wants(rx, tx), Budget: c.PSSBudget.D()}
	if n.Budget == 0 {
		n.Budget = interval / 100
	}
	return n
}

const (
	month       = 30 * 24 * time.Hour
	bytesPerRow = 1200 // of a row as a document: 600 of JSON, and about as much for the index
)

// Accumulates implements plugins.Accumulator.
func (c *Config) Accumulates(interval time.Duration) string {
	var parts []string
	if c.SnapshotEvery > 0 {
		rows := int(month/(interval*time.Duration(c.SnapshotEvery))) * c.SnapshotRows
		parts = append(parts, fmt.Sprintf("up to %d events a month, about %s in an output for events without a retention", rows, units.Bytes(float64(rows*bytesPerRow))))
	}
	what := "name"
	if c.PerPID {
		what = "process"
	}
	return strings.Join(append(parts, fmt.Sprintf("%d series for each %s that comes into the top, deleted when they had no sample for %v and the retention has passed",
		len(c.By), what, seriesTTL)), "; ")
}

// keyOf returns which series a process belongs to.
func (c *Config) keyOf(m *procusage.Member) procusage.Key {
	key := procusage.Key{Group: m.Class.Group, Name: nameOf(m)}
	if c.PerPID {
		key.PID = m.Process.PID
	}
	return key
}

// nameOf returns the name of a process. Those of kernel threads hold numbers of CPUs and tasks, "kworker/0:1-events", which are left out.
func nameOf(m *procusage.Member) string {
	name := m.Process.Comm
	if m.Process.Kernel {
		if end := strings.IndexAny(name, "/:"); end > 0 {
			name = name[:end]
		}
	}
	return name
}
