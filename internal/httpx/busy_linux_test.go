package httpx_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// A client waits for a busy server, as over TCP. If the server stays busy, the error says so.
func TestBusySocketIsRetried(t *testing.T) {
	path, l := servicetest.FullListener(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	tt := newTarget(t, httpx.Config{}, "unix://"+path, nil)
	_, err := tt.Get(ctx, pageLimit)
	if !errors.Is(err, guard.ErrBusy) || !strings.Contains(err.Error(), "is too busy to accept connections") || strings.Contains(err.Error(), "in time") {
		t.Error(err)
	}
	done := make(chan string)
	go func() { done <- getPage(t, tt) }()
	server := &http.Server{Handler: http.HandlerFunc(echoRequest)}
	defer server.Close()
	go func() { _ = server.Serve(l) }()
	if got := <-done; !strings.Contains(got, "GET /") {
		t.Error(got)
	}
}
