package hostfs

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// ReadLines reads the file piece by piece and passes each line, without its newline, to visit. The line is valid until
// visit returns. ReadLines is for files that grow with the load of the machine, such as a line per socket: it neither
// holds them in memory as a whole nor keeps them open. The error of a missing file is [fs.ErrNotExist].
func (f *File) ReadLines(visit func(line []byte)) error {
	file, err := os.Open(f.path)
	if err != nil {
		return f.readError(err)
	}
	defer file.Close()
	if f.buf == nil {
		f.buf = make([]byte, fileBufferSize) // the kernel returns such a file a page at a time
	}
	for held := 0; ; {
		n, err := file.Read(f.buf[held:])
		rest := visitLines(f.buf[:held+n], visit)
		switch {
		case errors.Is(err, io.EOF):
			if len(rest) > 0 {
				visit(rest)
			}
			return nil
		case err != nil:
			return f.readError(err)
		case len(rest) >= maxFileSize:
			return f.readError(errors.New("has a line that is too long"))
		}
		held = copy(f.buf, rest)
		if held == len(f.buf) {
			f.buf = append(f.buf, make([]byte, len(f.buf))...)
		}
	}
}

// visitLines passes all complete lines to visit, and returns the text after the last newline.
func visitLines(data []byte, visit func(line []byte)) (rest []byte) {
	for {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			return data
		}
		visit(data[:end])
		data = data[end+1:]
	}
}
