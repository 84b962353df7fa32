package hostfs

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// Lines reads the file piece by piece and passes each line, without its newline, to visit; the line is valid until visit
// returns. It is for files that grow with what the machine does (a line per socket): they are never held in memory
// whole, and not kept open. A file that is not there is [fs.ErrNotExist].
func (f *File) Lines(visit func(line []byte)) error {
	file, err := os.Open(f.path)
	if err != nil {
		return f.readError(err)
	}
	defer file.Close()
	if f.buf == nil {
		f.buf = make([]byte, firstBuffer) // of such a file the kernel hands out a page at a time
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
		case len(rest) >= maxFile:
			return f.readError(errors.New("has a line that is too long"))
		}
		held = copy(f.buf, rest)
		if held == len(f.buf) {
			f.buf = append(f.buf, make([]byte, len(f.buf))...)
		}
	}
}

// visitLines passes on the whole lines and returns the piece behind the last newline.
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
