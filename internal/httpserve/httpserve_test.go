package httpserve_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/httpserve"
	"github.com/rtcollector/rtcollector/internal/secret"
)

func TestIsLocal(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "localhost:1": true, "LOCALHOST:1": true, "[::1]:1": true, "127.9.9.9:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "localhost": false, "localhost.lan:1": false, "": false,
	} {
		if got := httpserve.IsLocal(address); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}

func TestMode(t *testing.T) {
	for want, auth := range map[string]*httpserve.Auth{
		httpserve.ModeNone: httpserve.NoAuth(), httpserve.ModeToken: {Token: secret.Literal("t")}, httpserve.ModeBasic: {Username: secret.Literal("u"), Password: secret.Literal("p")},
	} {
		if got := auth.Mode(); got != want || (httpserve.NewCredential(auth, nil) == nil) != (want == httpserve.ModeNone) {
			t.Errorf("%s: %s", want, got)
		}
		if err := auth.Validate(); err != nil {
			t.Error(err)
		}
	}
	if (*httpserve.Auth)(nil).Mode() != httpserve.ModeNone {
		t.Error("settings that are missing need a credential")
	}
}

// TestCompress: text is compressed for those who accept it, unless it is short.
func TestCompress(t *testing.T) {
	for _, c := range []struct {
		kind, accept string
		size         int
		want         string
	}{
		{"text/plain", "gzip", 2000, "gzip"},
		{"application/openmetrics-text; version=1.0.0; charset=utf-8", "gzip", 2000, "gzip"},
		{"text/plain", "gzip", 10, ""},
		{"text/plain", "", 2000, ""},
		{"text/plain", "gzip;q=0", 2000, ""},
		{"image/png", "gzip", 2000, ""},
	} {
		h := httpserve.Compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.kind)
			_, _ = w.Write([]byte(strings.Repeat("x", c.size)))
		}))
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("Accept-Encoding", c.accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Result().Header.Get("Content-Encoding"); got != c.want || w.Result().Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
