//go:build !core

package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/rtcollector/rtcollector/outputs"
)

// follow prints new events until ctx is done. While Redis cannot be reached it keeps trying, and prints each distinct error once to
// stderr.
func (p *eventPrinter) follow(ctx context.Context, r outputs.EventReader, q outputs.EventQuery, stderr io.Writer) error {
	q.Last = 0
	lastError := ""
	read := func(ctx context.Context, since time.Time) error {
		q.Since = since
		return p.printFound(ctx, r, q)
	}
	return p.Follow(ctx, q.Since, read, func(err error) error {
		switch {
		case err == nil:
			lastError = ""
		case isOutputError(err):
			return err
		case err.Error() != lastError:
			lastError = err.Error()
			fmt.Fprintf(stderr, "%v\nretrying\n", err)
		}
		return nil
	})
}
