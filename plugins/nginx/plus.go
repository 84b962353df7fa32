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

// plus is the API of an NGINX Plus (nginx.org/en/docs/http/ngx_http_api_module.html).
type plus struct {
	page    *httpx.Page
	series  *plusSeries
	answers map[string]any  // of this gather, by endpoint
	missing map[string]bool // endpoints that this nginx does not have
	release string          // of nginx, and how often it read its configuration: then there may be others
	err     error
}

const (
	// newest is the newest version of the API that is known here. A server offers the older ones, too.
	newest = 9

	// maxAnswer holds thousands of zones and peers.
	maxAnswer = 16 << 20

	// maxDecoded is what one answer may take in memory.
	maxDecoded = 32 << 20
)

func newPlus(f *telemetry.Factory, p *httpx.Page) *plus {
	return &plus{page: p, series: newPlusSeries(f, p.Labels), missing: map[string]bool{}}
}

// isAPI says whether a page is what the API answers at its root: the list of its versions, or below one of these, of endpoints.
func isAPI(page []byte) bool {
	_, ok := versionIn(page)
	return ok
}

// versionIn is the path of the version to use, below the page; 0 is no version at all.
func versionIn(page []byte) (path string, ok bool) {
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
		if v <= newest {
			best = max(best, v)
		}
	}
	return strconv.Itoa(best), true
}

// fetch asks for all there is. An endpoint that does not exist is asked for again when nginx has read its configuration anew.
func (p *plus) fetch(ctx context.Context, root []byte) {
	p.answers, p.err = map[string]any{}, nil
	version, _ := versionIn(root)
	if version == "0" {
		p.err = fmt.Errorf("%s has no version of the API up to %d: update this agent", p.page, newest)
		return
	}
	var errs []error
	for _, e := range endpoints() {
		if p.missing[e.path] {
			continue
		}
		answer, err := p.ask(ctx, version+"/"+e.path)
		var status *httpx.StatusError
		switch {
		case err == nil:
			p.answers[e.path] = answer
		case errors.As(err, &status) && status.Code == http.StatusNotFound:
			p.missing[e.path] = true
		case errors.As(err, &status), errors.Is(err, errNoJSON):
			errs = append(errs, fmt.Errorf("ask for %s: %w", e.path, err))
		default: // the others would end alike
			p.err = errors.Join(append(errs, err)...)
			return
		}
		if e.path == pathNginx {
			p.forget(answer)
		}
	}
	p.err = errors.Join(errs...)
}

var errNoJSON = errors.New("no JSON")

func (p *plus) ask(ctx context.Context, path string) (answer any, err error) {
	page, err := p.page.GetBelow(ctx, path, "", maxAnswer)
	if err != nil {
		return nil, err
	}
	if cost := guard.EstimateJSON(page); cost > maxDecoded {
		return nil, fmt.Errorf("%s answers with a document that takes %d bytes when it is decoded, more than %d", p.page, cost, maxDecoded)
	}
	if json.Unmarshal(page, &answer) != nil {
		return nil, fmt.Errorf("%w: %w", errNoJSON, p.page.Unexpected(page, "the API of NGINX Plus"))
	}
	return answer, nil
}

// forget forgets what is missing after a restart, an update or a new configuration.
func (p *plus) forget(nginx any) {
	about, _ := nginx.(map[string]any)
	release := fmt.Sprint(about["version"], about["generation"], about["load_timestamp"])
	if release != p.release {
		p.release = release
		clear(p.missing)
	}
}

func (s *server) addPlus(out *telemetry.Batch) error {
	s.addLikeStub(out)
	for _, e := range endpoints() {
		s.plus.series.add(out, &e, s.plus.answers[e.path])
	}
	s.plus.series.known.Sweep(out)
	return s.plus.err
}

// addLikeStub writes what the page of stub_status has, under the same names. The API does not count connections that wait among
// the active ones.
func (s *server) addLikeStub(out *telemetry.Batch) {
	if c, ok := s.plus.answers[pathConnections].(map[string]any); ok {
		accepted, dropped, now, idle := number(c["accepted"]), number(c["dropped"]), number(c["active"]), number(c["idle"])
		s.totals[accepts].Add(out, accepted)
		s.totals[handled].Add(out, accepted-dropped)
		s.dropped.Add(out, dropped)
		out.Add(s.gauges[active], now+idle)
		out.Add(s.gauges[waiting], idle)
	}
	if r, ok := s.plus.answers[pathRequests].(map[string]any); ok {
		s.totals[requests].Add(out, number(r["total"]))
		out.Add(s.plus.series.current, number(r["current"]))
	}
}

func number(v any) float64 {
	n, _ := v.(float64)
	return n
}
