//go:build !linux

package netstat

import "errors"

// openDiag exists so that the package compiles, and its parsers are tested, everywhere.
func openDiag() (conn, error) { return nil, errors.ErrUnsupported }
