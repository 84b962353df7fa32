package system

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// rereadInterval is how often os-release is read again, because an upgrade changes it. It is also how often missing files are
// looked for.
const rereadInterval = 10 * time.Minute

// releaseInfo reports the kernel and the distribution as labels of series whose value is always 1.
type releaseInfo struct {
	factory *telemetry.Factory
	root    hostfs.Root
	machine func() string // returns the name of the architecture; "": unknown

	uname    *telemetry.Series // built once: a new kernel requires a restart
	hasUname bool              // uname is built
	retryAt  time.Time         // while it is not: when to look for it again

	os       *metric.Info
	osLabels osRelease // the labels of os
	nextRead time.Time
}

// osRelease are the fields of os-release(5) that are reported.
type osRelease struct{ id, versionID, name, prettyName, codename, variantID string }

// addSamples adds system_uname and system_os.
func (r *releaseInfo) addSamples(out *telemetry.Batch) error {
	errUname := r.addUname(out)
	errOS := r.readOS(out.At)
	if r.osLabels != (osRelease{}) {
		r.os.Add(out,
			telemetry.Label{Key: "id", Value: r.osLabels.id}, telemetry.Label{Key: "version_id", Value: r.osLabels.versionID},
			telemetry.Label{Key: "name", Value: r.osLabels.name}, telemetry.Label{Key: "pretty_name", Value: r.osLabels.prettyName},
			telemetry.Label{Key: "codename", Value: r.osLabels.codename}, telemetry.Label{Key: "variant_id", Value: r.osLabels.variantID})
	}
	return errors.Join(errUname, errOS)
}

// addUname adds system_uname. It reads the values of uname(2) from files, because only these describe the host if
// HOST_PROC is set.
func (r *releaseInfo) addUname(out *telemetry.Batch) error {
	if !r.hasUname && !out.At.Before(r.retryAt) {
		details, err := r.readUname()
		if err != nil {
			return err
		}
		r.retryAt = out.At.Add(rereadInterval)
		if details != nil {
			r.uname, r.hasUname = r.factory.Info("system_uname", nil, details...), true
		}
	}
	if r.hasUname {
		out.Add(r.uname, 1)
	}
	return nil
}

// readUname returns the labels of system_uname, or nil if the kernel's release is hidden.
func (r *releaseInfo) readUname() ([]telemetry.Label, error) {
	var details []telemetry.Label
	for _, d := range []struct{ label, file string }{
		{"release", "osrelease"}, {"sysname", "ostype"}, {"version", "version"}, {"machine", "arch"}, // arch since Linux 6.1
	} {
		file := r.root.ProcFile("sys", "kernel", d.file)
		data, err := file.ReadOptional()
		if err != nil {
			return nil, err
		}
		value := strings.TrimSpace(string(data))
		_ = file.Close()
		switch {
		case !isPrintable(value):
			return nil, fmt.Errorf("parse %s: not printable", file.Path())
		case value == "" && d.label == "release":
			return nil, nil
		case value == "" && d.label == "machine":
			value = r.machine()
		}
		details = append(details, telemetry.Label{Key: d.label, Value: value})
	}
	return details, nil
}

// readOS reads os-release if it is due.
func (r *releaseInfo) readOS(now time.Time) error {
	if now.Before(r.nextRead) {
		return nil
	}
	data, path, err := r.readOSFile()
	if err != nil {
		return err
	}
	osLabels, ok := parseOSRelease(data)
	if !ok && len(strings.TrimSpace(string(data))) > 0 {
		return fmt.Errorf("parse %s: no line NAME=value", path)
	}
	r.nextRead = now.Add(rereadInterval)
	r.osLabels = osLabels
	return nil
}

// readOSFile reads the first of the two files of os-release(5) that exists. It is not an error if neither exists, as on
// old systems and in minimal containers.
func (r *releaseInfo) readOSFile() (data []byte, path string, err error) {
	for _, dir := range []string{"etc", "usr/lib"} {
		file := r.root.RootFile(dir, "os-release")
		data, err = file.Read()
		path = file.Path()
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return data, path, hostfs.IgnoreMissing(err)
}
