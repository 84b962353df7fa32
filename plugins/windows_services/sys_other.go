//go:build !windows

package windowsservices

import (
	"context"
	"errors"
)

func listServices(context.Context, func(string) bool) ([]service, error) {
	return nil, errors.ErrUnsupported
}
