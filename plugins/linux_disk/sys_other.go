//go:build !linux

package linuxdisk

import "errors"

// statfs is missing on this system. The package compiles everywhere, so that its parsers are tested everywhere.
func statfs(string) (spaceUsage, error) { return spaceUsage{}, errors.ErrUnsupported }
