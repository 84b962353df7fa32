package kernel

import (
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// ksmDir reads the files of /sys/kernel/mm/ksm. Each contains one number (Documentation/admin-guide/mm/ksm.rst).
type ksmDir struct {
	dir   *hostfs.Dir
	files *telemetry.Vec[string, ksmFile]
}

// ksmFile is one file and its series. file is nil if the file is not reported. Either total or gauge is set.
type ksmFile struct {
	file  *hostfs.File
	gauge *telemetry.Series
	total *telemetry.Total
}

func newKSMDir(env plugins.Env) *ksmDir {
	return &ksmDir{
		dir: env.FS.SysDir("kernel", "mm", "ksm"),
		files: telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) ksmFile {
			metric, unit, isCounter := ksmMetric(name)
			switch {
			case metric == "":
				return ksmFile{}
			case isCounter:
				return ksmFile{file: env.FS.SysValue("kernel", "mm", "ksm", name), total: f.Counter(metric, unit)}
			}
			return ksmFile{file: env.FS.SysValue("kernel", "mm", "ksm", name), gauge: f.Gauge(metric, unit).Signed()} // general_profit may be negative
		}),
	}
}

// ksmMetric returns the name and the unit of a file's metric, and whether it is a counter. The name is "" if the file is
// not reported. Most files are gauges or settings.
func ksmMetric(file string) (name string, unit telemetry.Unit, isCounter bool) {
	name = "kernel_ksm_" + file
	switch file {
	case "full_scans":
		return name, telemetry.None, true
	case "pages_scanned", "pages_skipped":
		return name, telemetry.Pages, true
	case "pages_shared", "pages_sharing", "pages_to_scan", "pages_unshared", "pages_volatile":
		return name, telemetry.Pages, false
	case "ksm_zero_pages":
		return "kernel_ksm_zero_pages", telemetry.Pages, false
	case "general_profit":
		return name, telemetry.Bytes, false
	case "sleep_millisecs", "stable_node_chains_prune_millisecs":
		return name, telemetry.Milliseconds, false
	case "max_page_sharing", "merge_across_nodes", "run", "stable_node_chains", "stable_node_dups", "use_zero_pages":
		return name, telemetry.None, false
	}
	return "", telemetry.None, false
}

// addSamples reads all files. A kernel without KSM is not an error.
func (k *ksmDir) addSamples(out *telemetry.Batch) error {
	names, err := k.dir.Names()
	if err != nil {
		return hostfs.IgnoreMissing(err)
	}
	var errs error
	for _, name := range names {
		if f := telemetry.GetBytes(k.files, name); f.file != nil {
			errs = errors.Join(errs, f.addSample(out))
		}
	}
	k.files.Sweep(out)
	return errs
}

func (f *ksmFile) addSample(out *telemetry.Batch) error {
	data, err := f.file.ReadOptional()
	if err != nil || len(data) == 0 {
		return err
	}
	v, ok := parseNumber(data)
	switch {
	case !ok:
		return fmt.Errorf("parse %s: no number", f.file.Path())
	case f.total != nil:
		f.total.Add(out, v)
	default:
		out.Add(f.gauge, v)
	}
	return nil
}
