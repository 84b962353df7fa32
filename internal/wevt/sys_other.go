//go:build !windows

package wevt

import "errors"

// Open returns an error: there is no such event log here.
func Open(string, string, Start, string) (Reader, error) { return nil, errors.ErrUnsupported }
