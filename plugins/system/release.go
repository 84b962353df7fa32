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

// lookEvery is how often the description of the system is read again (it changes when somebody upgrades it), and how often
// we look for what was not there.
const lookEvery = 10 * time.Minute

// release tells which kernel and which system run, as labels of series whose value is always 1.
type release struct {
	factory *telemetry.Factory
	root    hostfs.Root
	machine func() string // what the processor is called; "": not known

	uname *telemetry.Series // made once: another kernel comes with another start
	known bool              // uname is made
	tryAt time.Time         // when it is looked for, while it is not

	os       *metric.Info
	said     osRelease // what os says
	readNext time.Time
}

// osRelease are the fields of os-release(5) that are reported.
type osRelease struct{ id, versionID, name, prettyName, codename, variantID string }

func (r *release) add(out *telemetry.Batch) error {
	errUname := r.addUname(out)
	errOS := r.readOS(out.At)
	if r.said != (osRelease{}) {
		r.os.Add(out,
			telemetry.Label{Key: "id", Value: r.said.id}, telemetry.Label{Key: "version_id", Value: r.said.versionID},
			telemetry.Label{Key: "name", Value: r.said.name}, telemetry.Label{Key: "pretty_name", Value: r.said.prettyName},
			telemetry.Label{Key: "codename", Value: r.said.codename}, telemetry.Label{Key: "variant_id", Value: r.said.variantID})
	}
	return errors.Join(errUname, errOS)
}

// addUname reads what uname(2) would say from files, which a moved /proc has of the host.
func (r *release) addUname(out *telemetry.Batch) error {
	if !r.known && !out.At.Before(r.tryAt) {
		details, err := r.readUname()
		if err != nil {
			return err
		}
		r.tryAt = out.At.Add(lookEvery)
		if details != nil {
			r.uname, r.known = r.factory.Info("system_uname", nil, details...), true
		}
	}
	if r.known {
		out.Add(r.uname, 1)
	}
	return nil
}

// readUname returns the details; none where the kernel's release is hidden.
func (r *release) readUname() ([]telemetry.Label, error) {
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
		case !printable(value):
			return nil, fmt.Errorf("parse %s: no text", file.Path())
		case value == "" && d.label == "release":
			return nil, nil
		case value == "" && d.label == "machine":
			value = r.machine()
		}
		details = append(details, telemetry.Label{Key: d.label, Value: value})
	}
	return details, nil
}

// readOS reads the system's description, if it is time.
func (r *release) readOS(now time.Time) error {
	if now.Before(r.readNext) {
		return nil
	}
	data, path, err := r.osFile()
	if err != nil {
		return err
	}
	said, ok := parseOSRelease(data)
	if !ok && len(strings.TrimSpace(string(data))) > 0 {
		return fmt.Errorf("parse %s: no line NAME=value", path)
	}
	r.readNext = now.Add(lookEvery)
	r.said = said
	return nil
}

// osFile reads the first of the two files that there is: os-release(5). Where there is none, which is so on old systems
// and in minimal containers, there is no error.
func (r *release) osFile() (data []byte, path string, err error) {
	for _, dir := range []string{"etc", "usr/lib"} {
		file := r.root.RootFile(dir, "os-release")
		data, err = file.Read()
		path = file.Path()
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return data, path, hostfs.UnlessMissing(err)
}
