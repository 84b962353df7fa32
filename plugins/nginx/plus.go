package nginx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// plusAPI reads the API of an NGINX Plus (nginx.org/en/docs/http/ngx_http_api_module.html).
type plusAPI struct {
	page    *httpx.Page
	series  *plusSeries
	replies map[string]any  // of this gather, by endpoint
	missing map[string]bool // endpoints that this nginx does not have
	release string          // version and configuration of nginx; when it changes, missing is cleared
	err     error
}

const (
	// newestVersion is the newest version of the API that the input supports. Newer servers also offer older versions.
	newestVersion = 9

	// maxReplyLen bounds a reply, in bytes. It is enough for thousands of zones and peers.
	maxReplyLen = 16 << 20

	// maxDecodedLen bounds the memory of a decoded reply, in bytes.
	maxDecodedLen = 32 << 20
)

func newPlusAPI(f *telemetry.Factory, p *httpx.Page) *plusAPI {
	return &plusAPI{page: p, series: newPlusSeries(f, p.Labels), missing: map[string]bool{}}
}

// isAPIRoot reports whether a page is a root of the API: the list of its versions, or the list of endpoints of a version.
func isAPIRoot(page []byte) bool {
	_, ok := findVersion(page)
	return ok
}

// findVersion returns the path of the version to use, relative to the page. It is "" if the URL names a version, and "0" if
// no version is supported.
func findVersion(page []byte) (path string, ok bool) {
	if page = bytes.TrimSpace(page); len(page) == 0 || page[0] != '[' {
		return "", false
	}
	var names []string
	if json.Unmarshal(page, &names) == nil {
		return "", slices.Contains(names, "nginx") // the URL names a version
	}
	var versions []int
	if json.Unmarshal(page, &versions) != nil || len(versions) == 0 {
		return "", false
	}
	best := 0
	for _, v := range versions {
		if v <= newestVersion {
			best = max(best, v)
		}
	}
	return strconv.Itoa(best), true
}

// fetch reads all endpoints. An endpoint that does not exist is not read again until nginx has reloaded its configuration.
func (p *plusAPI) fetch(ctx context.Context, root []byte) {
	p.replies, p.err = map[string]any{}, nil
	version, _ := findVersion(root)
	if version == "0" {
		p.err = fmt.Errorf("%s offers no version of the API up to %d: update rtcollector", p.page, newestVersion)
		return
	}
	var errs []error
	for _, e := range endpoints() {
		if p.missing[e.path] {
			continue
		}
		answer, err := p.getJSON(ctx, version+"/"+e.path)
		var status *httpx.StatusError
		switch {
		case err == nil:
			p.replies[e.path] = answer
		case errors.As(err, &status) && status.Code == http.StatusNotFound:
			p.missing[e.path] = true
		case errors.As(err, &status), errors.Is(err, errNotJSON):
			errs = append(errs, fmt.Errorf("read %s: %w", e.path, err))
		default: // the other requests would fail too
			p.err = errors.Join(append(errs, err)...)
			return
		}
		if e.path == pathNginx {
			p.updateRelease(answer)
		}
	}
	p.err = errors.Join(errs...)
}

var errNotJSON = errors.New("not JSON")

func (p *plusAPI) getJSON(ctx context.Context, path string) (answer any, err error) {
	page, err := p.page.GetBelow(ctx, path, "", maxReplyLen)
	if err != nil {
		return nil, err
	}
	if cost := guard.EstimateJSON(page); cost > maxDecodedLen {
		return nil, fmt.Errorf("%s returned a document that needs %d bytes when decoded, more than the limit of %d", p.page, cost, maxDecodedLen)
	}
	if json.Unmarshal(page, &answer) != nil {
		return nil, fmt.Errorf("%w: %w", errNotJSON, p.page.Unexpected(page, "the API of NGINX Plus"))
	}
	return answer, nil
}

// updateRelease clears the missing endpoints after a restart, an update or a reload of nginx.
func (p *plusAPI) updateRelease(nginx any) {
	about, _ := nginx.(map[string]any)
	release := fmt.Sprint(about["version"], about["generation"], about["load_timestamp"])
	if release != p.release {
		p.release = release
		clear(p.missing)
	}
}

func (s *server) addPlus(out *telemetry.Batch) error {
	s.addStubMetrics(out)
	for _, e := range endpoints() {
		s.plus.series.addEndpoint(out, &e, s.plus.replies[e.path])
	}
	s.plus.series.values.Sweep(out)
	return s.plus.err
}

// addStubMetrics adds the metrics of the page of stub_status, with the same names. Unlike the page, the API does not count
// idle connections as active.
func (s *server) addStubMetrics(out *telemetry.Batch) {
	if c, ok := s.plus.replies[pathConnections].(map[string]any); ok {
		accepted, dropped, now, idle := toNumber(c["accepted"]), toNumber(c["dropped"]), toNumber(c["active"]), toNumber(c["idle"])
		s.totals[fieldAccepts].Add(out, accepted)
		s.totals[fieldHandled].Add(out, accepted-dropped)
		s.dropped.Add(out, dropped)
		out.Add(s.gauges[fieldActive], now+idle)
		out.Add(s.gauges[fieldWaiting], idle)
	}
	if r, ok := s.plus.replies[pathRequests].(map[string]any); ok {
		s.totals[fieldRequests].Add(out, toNumber(r["total"]))
		out.Add(s.plus.series.currentRequests, toNumber(r["current"]))
	}
}

func toNumber(v any) float64 {
	n, _ := v.(float64)
	return n
}
