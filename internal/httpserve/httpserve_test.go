package httpserve_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/httpserve"
	"github.com/rtcollector/rtcollector/internal/secret"
)

func TestMode(t *testing.T) {
	for want, auth := range map[string]*httpauth.Auth{
		httpauth.ModeNone: httpauth.NoAuth(), httpauth.ModeToken: {Token: secret.Literal("t")}, httpauth.ModeBasic: {Username: secret.Literal("u"), Password: secret.Literal("p")},
	} {
		if got := auth.Mode(); got != want || (httpserve.NewCredential(auth, nil) == nil) != (want == httpauth.ModeNone) {
			t.Errorf("%s: %s", want, got)
		}
		if err := auth.Validate(); err != nil {
			t.Error(err)
		}
	}
	if (*httpauth.Auth)(nil).Mode() != httpauth.ModeNone {
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
