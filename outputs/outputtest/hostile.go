package outputtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/outputs"
)

// Hostile checks that an output takes little memory whatever a Redis answers, and reports an error. More are keys that the
// configuration needs beside host and port.
func Hostile(t *testing.T, d outputs.Definition, more string) {
	t.Helper()
	for name, text := range redistest.Hostile() {
		if name == "status" {
			continue // an answer that may be right
		}
		t.Run(name, func(t *testing.T) {
			host, port := servicetest.HostPort(t, redistest.ListenHostile(t, text, true))
			out := build(t, Case{Definition: d, Config: fmt.Sprintf("{host: %s, port: %d, timeout: 2s, connect_timeout: 2s%s}", host, port, more)})
			defer func() { _ = out.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			servicetest.Allocates(t, 96<<20, func() {
				err := out.Open(ctx)
				if err == nil {
					err = write(ctx, out)
				}
				if err == nil {
					t.Error("no error")
				}
			})
			if reader, ok := out.(outputs.EventReader); ok {
				servicetest.Allocates(t, 160<<20, func() {
					_ = reader.ReadEvents(ctx, outputs.EventQuery{Last: 10}, func(outputs.FoundEvent) error { return nil })
				})
			}
		})
	}
}
