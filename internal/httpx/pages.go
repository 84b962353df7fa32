package httpx

import (
	"context"
	"errors"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Pages has the settings of inputs that read a page from one or more servers. Inputs inline it.
type Pages struct {
	Config    `yaml:",inline"`
	StatusURL string   `yaml:"status_url" conf:"public"`
	URLs      []string `yaml:"urls" conf:"public"` // replaces the default of status_url, or adds to a configured one
	BasicAuth struct{} `yaml:"basic_auth" conf:"ignored"`

	unset string // the default of status_url
}

// PagesOf returns the default settings with statusURL as the default for status_url.
func PagesOf(statusURL string) Pages {
	return Pages{Config: Defaults(), StatusURL: statusURL, unset: statusURL}
}

// Validate implements conf.Validator.
func (p *Pages) Validate() error {
	_, err := p.parseAddresses()
	return errors.Join(p.Config.Validate(), err)
}

func (p *Pages) parseAddresses() ([]Address, error) {
	return ParsePageURLs("status_url", p.StatusURL, p.unset, p.URLs)
}

// ParsePageURLs parses the URLs of an input that has a key for one URL and "urls" for several. The default for the
// one URL, unset, is left out if urls is not empty.
func ParsePageURLs(key, one, unset string, urls []string) ([]Address, error) {
	if len(urls) == 0 {
		return parseURLs([]keyedURL{{key, one}})
	}
	list := keyURLs("urls", urls)
	if one != unset {
		list = append([]keyedURL{{key, one}}, list...)
	}
	return parseURLs(list)
}

// Page is a page and the result of the last request for it.
type Page struct {
	*Target
	Labels []telemetry.Label // server and port; path if several pages of the server are read
	Text   []byte
	Err    error
}

// Open returns the pages.
func (p *Pages) Open(store secret.Resolver) ([]*Page, error) {
	all, err := p.parseAddresses()
	var pages []*Page
	for _, a := range all {
		pages = append(pages, &Page{Target: p.Target(a, store), Labels: append(a.Instance(), a.Path(all))})
	}
	return pages, err
}

// Fetch requests the page and sets Text or Err.
func (p *Page) Fetch(ctx context.Context, limit int64) {
	p.Text, p.Err = p.Get(ctx, limit)
}
