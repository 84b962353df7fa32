package httpx_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
)

// RFC 8259, section 8.1 allows a reader to ignore a byte order mark. It has no meaning in any format that the inputs read.
func TestByteOrderMarkIsIgnored(t *testing.T) {
	answer := "\ufeffjobs 1\n"
	s := httpxtest.Pages(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
	tt := newTarget(t, httpx.Config{}, s.URL, nil)
	for range 2 { // the second request reuses the memory of the page
		if got := getPage(t, tt); got != "jobs 1\n" {
			t.Errorf("%q", got)
		}
	}
	answer = "\xff\xfej\x00"
	want := tt.String() + " answers with a page that is in UTF-16: convert it to UTF-8"
	if _, err := tt.Get(t.Context(), pageLimit); err == nil || err.Error() != want {
		t.Error(err)
	}
}
