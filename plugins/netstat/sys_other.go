//go:build !linux

package netstat

import "errors"

// openDiag exists so that the package compiles and its parsers are tested on every system.
func openDiag() (diagConnection, error) { return nil, errors.ErrUnsupported }
