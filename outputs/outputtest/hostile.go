package outputtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/outputs"
)

// Hostile checks that an output needs little memory whatever a Redis answers, and returns an error. More holds the settings that
// the configuration needs besides host and port.
func Hostile(t *testing.T, d outputs.Definition, more string) {
	t.Helper()
	for name, text := range redistest.Hostile() {
		if name == "status" {
			continue // this answer may be right
		}
		t.Run(name, func(t *testing.T) {
			host, port := servicetest.HostPort(t, redistest.ListenHostile(t, text, true))
			c := Case{Definition: d, Config: fmt.Sprintf("{host: %s, port: %d, timeout: 2s, connect_timeout: 2s%s}", host, port, more)}
			out := build(t, c)
			defer func() { _ = out.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			servicetest.CheckAllocated(t, 96<<20, func() {
				err := out.Open(ctx)
				if err == nil {
					err = write(ctx, out)
				}
				if err == nil {
					t.Error("no error")
				}
			})
			built, _ := catalogtest.Decode(t, d, c.Config)
			if source, ok := built.Config.(outputs.EventSource); ok {
				reader := source.NewEventReader(secret.Env{})
				defer func() { _ = reader.Close() }()
				servicetest.CheckAllocated(t, 160<<20, func() {
					_ = reader.ReadEvents(ctx, outputs.EventQuery{Last: 10}, func(outputs.FoundEvent) error { return nil })
				})
			}
		})
	}
}
