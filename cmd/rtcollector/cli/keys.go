package cli

import (
	"os"

	"golang.org/x/term"
)

// Keys that the demo knows. While the terminal is ours, it makes no signals of Ctrl-C and Ctrl-Z.
const (
	ctrlC = 0x03
	ctrlZ = 0x1a
)

// keyboard returns where keys are read from; nil when stdin is not a terminal.
func keyboard() *os.File {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return os.Stdin
	}
	return nil
}

// readKeys calls end for q and Ctrl-C, and suspend for Ctrl-Z. It returns with the terminal's end, which is when the
// process ends: nothing can interrupt a read of a terminal.
func readKeys(from *os.File, end, suspend func()) {
	buf := make([]byte, 64)
	for {
		n, err := from.Read(buf)
		for _, key := range buf[:n] {
			switch key {
			case 'q', 'Q', ctrlC:
				end()
			case ctrlZ:
				suspend()
			}
		}
		if err != nil {
			return
		}
	}
}
