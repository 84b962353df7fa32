//go:build !linux

package system

// machineName exists so that the package compiles and its parsers are tested on every system.
func machineName() string { return "" }
