//go:build !linux

package capability

// Drop does nothing: only Linux has capabilities.
func Drop(Set) (dropped Set, err error) { return 0, nil }

// AreInherited has no meaning without capabilities.
func AreInherited() bool { return false }
