package linuxsensors

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// fileBudget bounds the number of files that are kept open.
type fileBudget struct{ free int }

// numberFile is a file that contains one number.
type numberFile struct {
	file   *hostfs.File
	budget *fileBudget // nil: the file is closed after each reading
	denied bool        // reading is not permitted; tried again after the next search
}

func (b *fileBudget) newNumberFile(path string) numberFile {
	f := numberFile{file: hostfs.NewValue(path)}
	if b.free > 0 {
		b.free--
		f.budget = b
	}
	return f
}

// readNumber returns the number. ok is false if the sensor does not answer.
func (f *numberFile) readNumber() (n int64, ok bool, err error) {
	if f.denied {
		return 0, false, nil
	}
	data, err := f.file.Read()
	if f.budget == nil {
		_ = f.file.Close()
	}
	if err != nil {
		f.denied = errors.Is(err, fs.ErrPermission)
		return 0, false, dropSensorErrors(err)
	}
	n, found, ok := parseValue(data)
	if !ok {
		return 0, false, fmt.Errorf("parse %s: not a number", f.file.Path())
	}
	return n, found, nil
}

func (f *numberFile) close() {
	_ = f.file.Close()
	if f.budget != nil {
		f.budget.free++
		f.budget = nil
	}
}

// dropSensorErrors drops the errors that the kernel returns for a sensor that is removed, asleep, not connected, or not
// readable for us: drivers use many error numbers for that. It keeps errors of this process and of the directory tree.
func dropSensorErrors(err error) error {
	for _, ours := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EISDIR, syscall.ELOOP} {
		if errors.Is(err, ours) {
			return err
		}
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return nil
	}
	return err
}

// sensor is one series that is read at every gather. If it has several files, which are alarms, the greatest value counts.
type sensor struct {
	files   []numberFile
	divisor float64 // from the kernel's unit to ours
	minimum int64   // smaller values are not readings
	series  *telemetry.Series
	total   *telemetry.Total // instead of series: a counter
}

func (s *sensor) addSamples(out *telemetry.Batch) error {
	var greatest int64
	var errs error
	answered := false
	for i := range s.files {
		n, ok, err := s.files[i].readNumber()
		if err != nil {
			errs = errors.Join(errs, err)
		}
		if ok && (!answered || n > greatest) {
			greatest, answered = n, true
		}
	}
	switch {
	case !answered || greatest < s.minimum:
	case s.total != nil:
		s.total.Add(out, float64(greatest)/s.divisor)
	default:
		out.Add(s.series, float64(greatest)/s.divisor)
	}
	return errs
}

func (s *sensor) refresh() {
	for i := range s.files {
		s.files[i].denied = false
	}
}

func (s *sensor) close() {
	for i := range s.files {
		s.files[i].close()
	}
}

// limitScanInterval is the number of searches between two readings of a limit.
const limitScanInterval = 6

// limit is a configured number that seldom changes. It is still written at every gather.
type limit struct {
	file             numberFile
	divisor          float64
	minimum, maximum int64 // values outside mean that there is no limit
	series           *telemetry.Series

	current        float64
	valid          bool
	scansUntilRead int
	err            error
}

func (l *limit) refresh() {
	if l.scansUntilRead > 0 {
		l.scansUntilRead--
		return
	}
	l.scansUntilRead = limitScanInterval - 1
	l.file.denied = false
	var n int64
	n, l.valid, l.err = l.file.readNumber()
	l.valid = l.valid && n >= l.minimum && n <= l.maximum
	l.current = float64(n) / l.divisor
}

func (l *limit) addSamples(out *telemetry.Batch) error {
	if l.valid {
		out.Add(l.series, l.current)
	}
	return l.err
}

func (l *limit) close() { l.file.close() }
