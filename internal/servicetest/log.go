package servicetest

import (
	"bytes"
	"strings"
	"sync"
)

// Log is a buffer that several goroutines may write and read at the same time.
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

// String returns everything written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Count returns how many times the text was written.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }
