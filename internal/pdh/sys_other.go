//go:build !windows || !(amd64 || arm64)

package pdh

import "errors"

// Open returns an error: there are no performance counters here.
func Open() (Query, error) { return nil, errors.ErrUnsupported }
