package cli

import (
	"os"

	"golang.org/x/term"
)

// Keys of the demo. A terminal in raw mode sends these bytes for Ctrl-C and Ctrl-Z instead of signals.
const (
	ctrlC = 0x03
	ctrlZ = 0x1a
)

// findKeyboard returns the terminal to read keys from, or nil if stdin is not a terminal.
func findKeyboard() *os.File {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return os.Stdin
	}
	return nil
}

// readKeys calls end for q and Ctrl-C, and suspend for Ctrl-Z. It usually runs until the process ends, because nothing can interrupt a
// read from a terminal.
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
