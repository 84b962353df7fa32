//go:build !linux

package sockets

import "errors"

// openDiag and openDiagIn exist so that the package compiles and its parsers are tested on every system.
func openDiag() (diagConnection, error) { return nil, errors.ErrUnsupported }

func openDiagIn(string) (diagConnection, error) { return nil, errors.ErrUnsupported }
