//go:build !linux

package system

// machine exists so that the package compiles, and its parsers are tested, everywhere.
func machine() string { return "" }
