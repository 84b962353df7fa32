//go:build !linux

package capability

// Drop does nothing: only Linux has capabilities.
func Drop(Set) (dropped Set, err error) { return 0, nil }
