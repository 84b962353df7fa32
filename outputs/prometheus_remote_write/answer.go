package prometheusremotewrite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
)

// action is what to do with the samples of a request.
type action int

const (
	done     action = iota
	reject          // never send them again
	hold            // send them again: the receiver or the settings must change
	search5x        // send them again, and look for the sample that causes it if that happens often
	halve           // send them again in smaller requests
	fallBack        // send them again as version 1
)

// verdict is an answer with what to do.
type verdict struct {
	action action
	err    error
	reason string // of action reject
	stored int    // samples that the receiver says it stored although it refused others; -1: unknown
}

// The reasons of rejections.
const (
	reasonOutOfOrder  = "out_of_order"
	reasonDuplicate   = "duplicate"
	reasonTooOld      = "too_old"
	reasonBad         = "bad"
	reasonNotFound    = "not_found"
	reasonTooLarge    = "too_large"
	reasonServerError = "server_error"
	reasonExpired     = "expired"
)

const (
	maxBody       = 64 << 10 // bytes of an answer that are read, so that its connection can be kept
	maxShown      = 300      // bytes of an answer in an error
	maxRetryAfter = time.Minute
)

// writtenHeader is in the answers of receivers that understand version 2.
const writtenHeader = "X-Prometheus-Remote-Write-Samples-Written"

// post sends the request.
func (w *Writer) post(ctx context.Context, body []byte) verdict {
	limited, cancel := context.WithTimeout(ctx, w.config.Timeout.D())
	defer cancel()
	w.target.Body = string(body)
	resp, err := w.target.Do(limited)
	w.target.Body = ""
	if err != nil {
		return verdict{action: hold, err: w.target.Explain(err)}
	}
	text, isWhole := readBody(resp.Body)
	if !isWhole {
		w.target.Close() // the rest of a long answer is not worth reading
	}
	return w.judge(resp, text)
}

// readBody reads the beginning of an answer.
func readBody(body io.ReadCloser) (text string, isWhole bool) {
	defer func() { _ = body.Close() }()
	shown, _ := io.ReadAll(io.LimitReader(body, maxShown))
	_, err := io.CopyN(io.Discard, body, maxBody)
	return string(shown), errors.Is(err, io.EOF)
}

// judge decides what an answer means.
func (w *Writer) judge(resp *http.Response, text string) verdict {
	status := resp.StatusCode
	written, err := strconv.Atoi(resp.Header.Get(writtenHeader))
	knows2 := err == nil && written >= 0
	if !knows2 {
		written = -1
	}
	if w.version == Version2 {
		w.confirmed = w.confirmed || knows2
		if w.refusesVersion2(status, knows2) {
			return w.refuseVersion2(status)
		}
	}
	v := verdict{err: describe(w.target.String(), status, text), stored: written}
	switch {
	case status/100 == 2:
		v.action, v.err = done, nil
	case status/100 == 3, status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired, status == http.StatusRequestTimeout:
		v.action = hold
	case status == http.StatusTooManyRequests:
		v.action = hold
		v.err = w.waitAfter(resp, v.err)
	case status == http.StatusRequestEntityTooLarge:
		v.action, v.reason = halve, reasonTooLarge
	case status/100 == 4:
		v.action, v.reason = reject, reasonOf(status, text)
	default:
		v.action = search5x
		v.err = w.waitAfter(resp, v.err)
	}
	return v
}

// refusesVersion2 reports whether a receiver does not know version 2. One that does not look at the type of the content finds no series in
// the message and reports success, or it reports an error of its decoder.
func (w *Writer) refusesVersion2(status int, knows2 bool) bool {
	switch {
	case knows2:
		return false
	case status/100 == 2, status == http.StatusUnsupportedMediaType:
		return true
	case w.confirmed, w.config.Version != Auto:
		return false
	}
	return status == http.StatusBadRequest || status == http.StatusNotAcceptable || status == http.StatusUnprocessableEntity ||
		status == http.StatusInternalServerError || status == http.StatusNotImplemented
}

// refuseVersion2 falls back to version 1, unless version 2 is configured.
func (w *Writer) refuseVersion2(status int) verdict {
	if w.config.Version == Auto {
		return verdict{action: fallBack}
	}
	return verdict{action: hold, err: fmt.Errorf("%s answers %d and does not show that it understands version 2 of remote write: set version: auto", w.target, status)}
}

func (w *Writer) waitAfter(resp *http.Response, err error) error {
	if d, ok := parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()); ok {
		return outputs.RetryAfter(err, d)
	}
	return err
}

// parseRetryAfter returns the pause that a receiver asks for, in seconds or until a date (RFC 9110, section 10.2.3), at most a minute. ok is
// false if the header is missing or wrong.
func parseRetryAfter(header string, now time.Time) (d time.Duration, ok bool) {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), maxRetryAfter), true
}

// reasonOf tells apart why samples are refused for good. The texts are those of Prometheus, Thanos, Mimir and VictoriaMetrics.
func reasonOf(status int, text string) string {
	text = strings.ToLower(text)
	switch {
	case status == http.StatusNotFound:
		return reasonNotFound
	case strings.Contains(text, "out of order"), strings.Contains(text, "out-of-order"):
		return reasonOutOfOrder
	case strings.Contains(text, "duplicate sample"), strings.Contains(text, "duplicate-timestamp"):
		return reasonDuplicate
	case strings.Contains(text, "out of bounds"), strings.Contains(text, "too old"), strings.Contains(text, "too-old"):
		return reasonTooOld
	}
	return reasonBad
}

// concernsSamples reports whether a reason is about some samples, so that the other ones of the request may be accepted.
func concernsSamples(reason string) bool {
	return reason == reasonOutOfOrder || reason == reasonDuplicate || reason == reasonTooOld
}

// describe returns the error for an answer: who answered what, and what to do.
func describe(target string, status int, text string) error {
	advice := ""
	switch status {
	case http.StatusUnauthorized:
		advice = "; set username and password, or bearer_token, to what it accepts"
	case http.StatusForbidden:
		advice = "; allow this agent to write there"
	case http.StatusNotFound:
		advice = "; correct the path of url, or enable the receiver (Prometheus: --web.enable-remote-write-receiver)"
	case http.StatusRequestEntityTooLarge:
		advice = "; set max_samples to less"
	}
	if status/100 == 3 {
		advice = "; redirects are not followed: set url to where the receiver is"
	}
	if text = strings.TrimSpace(terminal.Line(strings.ToValidUTF8(text, "\uFFFD"))); text != "" {
		text = ": " + text
	}
	return fmt.Errorf("%s answers %d %s%s%s", target, status, http.StatusText(status), text, advice)
}
