package linuxsensors

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// descriptors bounds how many files are kept open.
type descriptors struct{ free int }

// value is a file that holds one number.
type value struct {
	file   *hostfs.File
	budget *descriptors // nil: the file is closed after each reading
	denied bool         // we may not read it; asked again with the next search
}

func (d *descriptors) value(path string) value {
	v := value{file: hostfs.NewValue(path)}
	if d.free > 0 {
		d.free--
		v.budget = d
	}
	return v
}

// read returns the number; ok is false when the sensor does not answer.
func (v *value) read() (n int64, ok bool, err error) {
	if v.denied {
		return 0, false, nil
	}
	data, err := v.file.Read()
	if v.budget == nil {
		_ = v.file.Close()
	}
	if err != nil {
		v.denied = errors.Is(err, fs.ErrPermission)
		return 0, false, unlessSilent(err)
	}
	n, found, ok := parseValue(data)
	if !ok {
		return 0, false, fmt.Errorf("parse %s: no number", v.file.Path())
	}
	return n, found, nil
}

func (v *value) close() {
	_ = v.file.Close()
	if v.budget != nil {
		v.budget.free++
		v.budget = nil
	}
}

// unlessSilent drops what the kernel answers for a sensor that is gone, asleep, not connected or not for us to read:
// drivers use many error numbers for that. What is wrong with this process, or with the tree, stays an error.
func unlessSilent(err error) error {
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

// sensor is one series that is read at every gather: of several files, which are alarms, the greatest value counts.
type sensor struct {
	values  []value
	divisor float64 // what the kernel's unit is of ours
	least   int64   // what is less is no reading
	series  *telemetry.Series
	total   *telemetry.Total // instead of series: a counter
}

func (s *sensor) read(out *telemetry.Batch) error {
	var greatest int64
	var errs error
	answered := false
	for i := range s.values {
		n, ok, err := s.values[i].read()
		if err != nil {
			errs = errors.Join(errs, err)
		}
		if ok && (!answered || n > greatest) {
			greatest, answered = n, true
		}
	}
	switch {
	case !answered || greatest < s.least:
	case s.total != nil:
		s.total.Add(out, float64(greatest)/s.divisor)
	default:
		out.Add(s.series, float64(greatest)/s.divisor)
	}
	return errs
}

func (s *sensor) refresh() {
	for i := range s.values {
		s.values[i].denied = false
	}
}

func (s *sensor) close() {
	for i := range s.values {
		s.values[i].close()
	}
}

// limitEvery is with how many searches a limit is read again.
const limitEvery = 6

// limit is a number that somebody set and that hardly ever changes. It is written with every gather all the same.
type limit struct {
	value       value
	divisor     float64
	least, most int64 // what is outside is none
	series      *telemetry.Series

	now       float64
	set       bool
	untilRead int
	err       error
}

func (l *limit) refresh() {
	if l.untilRead > 0 {
		l.untilRead--
		return
	}
	l.untilRead = limitEvery - 1
	l.value.denied = false
	var n int64
	n, l.set, l.err = l.value.read()
	l.set = l.set && n >= l.least && n <= l.most
	l.now = float64(n) / l.divisor
}

func (l *limit) read(out *telemetry.Batch) error {
	if l.set {
		out.Add(l.series, l.now)
	}
	return l.err
}

func (l *limit) close() { l.value.close() }
