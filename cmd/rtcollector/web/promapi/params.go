package promapi

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rtcollector/rtcollector/internal/query"
)

// MaxBody is the size limit of a form, in bytes.
const MaxBody = 1 << 20

// params are the parameters of a request. Those of the body come before those of the address.
type params struct {
	values url.Values
	path   func(name string) string // wildcards of the route
}

func badParam(name string, err error) error {
	return &query.Error{Kind: query.BadData, Err: fmt.Errorf("invalid parameter %q: %w", name, err)}
}

func badData(format string, args ...any) error {
	return &query.Error{Kind: query.BadData, Err: fmt.Errorf(format, args...)}
}

func readParams(w http.ResponseWriter, r *http.Request) (params, error) {
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	err := r.ParseForm()
	if err == nil {
		err = r.ParseMultipartForm(MaxBody) //nolint:gosec // the body is limited above
	}
	if errors.Is(err, http.ErrNotMultipart) {
		err = nil
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return params{}, badData("the body is larger than %d bytes, the limit of this server: shorten the query", large.Limit)
	case err != nil:
		return params{}, badData("parse the form: %w", err)
	}
	if r.MultipartForm != nil {
		defer func() { _ = r.MultipartForm.RemoveAll() }()
	}
	values := url.Values{}
	for name, v := range r.PostForm {
		values[name] = append(values[name], v...)
	}
	for name, v := range r.URL.Query() {
		values[name] = append(values[name], v...)
	}
	return params{values, r.PathValue}, nil
}

func (p params) text(name string) string { return p.values.Get(name) }

// time returns a parameter that is a time; otherwise, if it is missing or empty.
func (p params) time(name string, otherwise time.Time) (time.Time, error) {
	text := p.text(name)
	if text == "" {
		return otherwise, nil
	}
	t, err := ParseTime(text)
	if err != nil {
		return t, badParam(name, err)
	}
	return t, nil
}

// requiredTime is like time for a parameter that must be present.
func (p params) requiredTime(name string) (time.Time, error) {
	t, err := ParseTime(p.text(name))
	if err != nil {
		return t, badParam(name, err)
	}
	return t, nil
}

// duration returns a positive duration; otherwise, if it is missing or empty.
func (p params) duration(name string, otherwise time.Duration) (time.Duration, error) {
	text := p.text(name)
	if text == "" {
		return otherwise, nil
	}
	d, err := parseDuration(text)
	if err == nil && d <= 0 {
		err = errors.New("must be more than 0")
	}
	if err != nil {
		return 0, badParam(name, err)
	}
	return d, nil
}

// count returns a number that is not negative; 0 if it is missing or empty.
func (p params) count(name string) (int, error) {
	text := p.text(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, badParam(name, fmt.Errorf("%q is not a whole number", shorten(text)))
	}
	if n < 0 {
		return 0, badParam(name, errors.New("must not be negative"))
	}
	return n, nil
}

// Prometheus' names for the earliest and the latest time. The years do not fit time.Parse.
const (
	minTime = "-292273086-05-16T16:47:06Z"
	maxTime = "292277025-08-18T07:12:54.999999999Z"
)

// maxSeconds is the latest time that is accepted, in seconds since 1970: milliseconds of it are far from overflowing.
const maxSeconds = 1e14

// ParseTime parses seconds since 1970, with or without a fraction, or RFC 3339 with a zone. Fractions are rounded to milliseconds.
func ParseTime(text string) (time.Time, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(math.Abs(seconds) <= maxSeconds) {
			return time.Time{}, fmt.Errorf("%q is out of range", shorten(text))
		}
		whole, fraction := math.Modf(seconds)
		return time.Unix(int64(whole), int64(math.Round(fraction*1000))*int64(time.Millisecond)), nil
	}
	switch text {
	case minTime:
		return time.Unix(-maxSeconds, 0), nil
	case maxTime:
		return time.Unix(maxSeconds, 0), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp: write seconds since 1970 or RFC 3339 with a zone%s", shorten(text), plusHint(text))
}

// plusHint explains a plus sign that a form turned into a space.
func plusHint(text string) string {
	if i := strings.LastIndexByte(text, ' '); i >= len("2006-01-02T15:04:05") {
		return "; write %2B for the plus sign of the zone"
	}
	return ""
}

// parseDuration parses seconds, with or without a fraction, or a duration of PromQL such as 1m30s.
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		ns := seconds * float64(time.Second)
		if !(math.Abs(ns) < math.MaxInt64) {
			return 0, fmt.Errorf("%q is out of range", shorten(text))
		}
		return time.Duration(ns), nil
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("cannot parse %q to a valid duration: write seconds, or a number and a unit such as 30s or 5m", shorten(text))
	}
	return time.Duration(d), nil
}

// shorten returns the beginning of a text of a client, for messages.
func shorten(text string) string {
	const longest = 100
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}
