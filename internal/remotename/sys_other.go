//go:build !linux

package remotename

import "errors"

// openCapture is possible on Linux only.
func openCapture([]uint16, string) (packetSource, error) {
	return nil, errors.New("names from packets are not available on this system: they need Linux")
}
