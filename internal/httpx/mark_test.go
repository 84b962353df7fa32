package httpx_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
)

// TestByteOrderMark: RFC 8259, section 8.1 lets a reader ignore it, and no format that we read gives it a meaning.
func TestByteOrderMark(t *testing.T) {
	answer := "\ufeffjobs 1\n"
	s := httpxtest.Pages(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
	tt := target(t, httpx.Config{}, s.URL, nil)
	for range 2 { // the room of the page is used again
		if got := get(t, tt); got != "jobs 1\n" {
			t.Errorf("%q", got)
		}
	}
	answer = "\xff\xfej\x00"
	want := tt.String() + " answers with a page that is in UTF-16: convert it to UTF-8"
	if _, err := tt.Get(t.Context(), limit); err == nil || err.Error() != want {
		t.Error(err)
	}
}
