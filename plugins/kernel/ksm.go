package kernel

import (
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// ksm are the files of /sys/kernel/mm/ksm, each of one number: Documentation/admin-guide/mm/ksm.rst.
type ksm struct {
	dir   *hostfs.Dir
	files *telemetry.Vec[string, ksmFile]
}

// ksmFile is one of them; the file is nil when it is none that is reported.
type ksmFile struct {
	file  *hostfs.File
	gauge *telemetry.Series
	total *telemetry.Total
}

func newKSM(env plugins.Env) *ksm {
	return &ksm{
		dir: env.FS.SysDir("kernel", "mm", "ksm"),
		files: telemetry.NewVec(env.Factory, func(f *telemetry.Factory, name string) ksmFile {
			metric, unit, counts := ksmMetric(name)
			switch {
			case metric == "":
				return ksmFile{}
			case counts:
				return ksmFile{file: env.FS.SysFile("kernel", "mm", "ksm", name), total: f.Counter(metric, unit)}
			}
			return ksmFile{file: env.FS.SysFile("kernel", "mm", "ksm", name), gauge: f.Gauge(metric, unit).Signed()} // a profit may be a loss
		}),
	}
}

// ksmMetric says how a file is reported: under which name, in which unit, and whether it is a counter. Most are amounts of
// now, or settings.
func ksmMetric(file string) (name string, unit telemetry.Unit, counts bool) {
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

// add says nothing on a kernel without KSM.
func (k *ksm) add(out *telemetry.Batch) error {
	names, err := k.dir.Names()
	if err != nil {
		return hostfs.UnlessMissing(err)
	}
	var errs error
	for _, name := range names {
		if f := telemetry.GetBytes(k.files, name); f.file != nil {
			errs = errors.Join(errs, f.add(out))
		}
	}
	k.files.Sweep(out)
	return errs
}

func (f *ksmFile) add(out *telemetry.Batch) error {
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
