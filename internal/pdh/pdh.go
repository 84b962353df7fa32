// Package pdh reads Windows' performance counters by their English names, whatever the language of the host (Performance Data Helper,
// pdh.dll).
//
// path.go parses paths of counters, status.go has the errors. sys_windows.go is the binding; sys_other.go stands in for it elsewhere.
package pdh

import "io"

// Query is a set of counters that are read at the same moment. It is not safe for concurrent use.
type Query interface {
	io.Closer

	// Add adds a counter by its English path, such as `\Process(*)\% Processor Time`. The error is a Status: [NoObject] or [NoCounter] if this
	// Windows has none of that name.
	Add(path string) (Counter, error)

	// Collect reads all counters.
	Collect() error

	// Values returns the values of a counter at the last Collect, one for each instance that exists at the moment. Values that need another
	// Collect, such as rates at the first one, are left out. An object without instances has one value. All counters of an object have their
	// values in the same order.
	Values(c Counter) ([]Value, error)
}

// Counter is a counter of a [Query].
type Counter uintptr

// Value is the value of a counter of an instance.
type Value struct {
	Instance string // as PDH says it: "C:", "svchost#1"; brackets stand for parentheses
	Valid    bool   // false: the instance exists, but has no value yet
	Value    float64
}
