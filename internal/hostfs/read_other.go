//go:build !unix

package hostfs

import "os"

func readInto(path string, buf []byte) ([]byte, int, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return buf, 0, err
	}
	return data, len(data), nil
}
