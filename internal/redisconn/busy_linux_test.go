package redisconn_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// A server that is too busy to take a connection at its socket is waited for, and named as such.
func TestBusySocket(t *testing.T) {
	path := servicetest.FullSocket(t)
	c := redisconn.Defaults()
	c.URL, c.ConnectTimeout = secret.Literal("unix://"+path), conf.Duration(100*time.Millisecond)
	_, err := redisconn.Open(t.Context(), c, nil)
	if !errors.Is(err, guard.ErrBusy) || !strings.HasPrefix(err.Error(), "redis "+path+" is too busy to accept connections") || strings.Contains(err.Error(), "TLS") {
		t.Error(err)
	}
}
