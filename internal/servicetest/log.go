package servicetest

import (
	"bytes"
	"strings"
	"sync"
)

// Log keeps what many goroutines write, and can be read beside that.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is everything so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Count is how many times the text was written.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }
