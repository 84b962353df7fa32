package hostfs

import "os"

// ReadHead reads the beginning of a file into buf and returns it. It makes three system calls: a file that the kernel generates as a whole,
// such as /proc/PID/status, gives all it has in one read if buf is large enough. The error of a missing file is [fs.ErrNotExist]; that of a
// process that has just ended may also be ESRCH.
func ReadHead(path string, buf []byte) ([]byte, error) {
	n, err := readHead(path, buf)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: path, Err: err}
	}
	return buf[:n], nil
}
