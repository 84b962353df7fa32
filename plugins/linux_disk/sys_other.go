//go:build !linux

package linuxdisk

import "errors"

// statfs exists so that the package compiles, and its parsers are tested, everywhere.
func statfs(string) (usage, error) { return usage{}, errors.ErrUnsupported }
