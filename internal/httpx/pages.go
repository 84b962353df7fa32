package httpx

import (
	"context"
	"errors"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Pages are the settings of inputs that read a page of one server or several; they are inlined.
type Pages struct {
	Config    `yaml:",inline"`
	StatusURL string   `yaml:"status_url" conf:"public"`
	URLs      []string `yaml:"urls" conf:"public"` // instead of the default of status_url, or beside another
	BasicAuth struct{} `yaml:"basic_auth" conf:"ignored"`

	unset string // the default of status_url
}

// PagesOf are the defaults, with that of status_url.
func PagesOf(statusURL string) Pages {
	return Pages{Config: Defaults(), StatusURL: statusURL, unset: statusURL}
}

// Validate implements conf.Validator.
func (p *Pages) Validate() error {
	_, err := p.addresses()
	return errors.Join(p.Config.Validate(), err)
}

func (p *Pages) addresses() ([]Address, error) {
	return Places("status_url", p.StatusURL, p.unset, p.URLs)
}

// Places takes apart the URLs of an input that has a key for one, and "urls" for several. The default of the first, unset,
// does not count where there are others.
func Places(key, one, unset string, urls []string) ([]Address, error) {
	if len(urls) == 0 {
		return parseURLs([]keyedURL{{key, one}})
	}
	list := listed("urls", urls)
	if one != unset {
		list = append([]keyedURL{{key, one}}, list...)
	}
	return parseURLs(list)
}

// Page is one page, and what came of asking for it.
type Page struct {
	*Target
	Labels []telemetry.Label // server, port, and where that is not enough, path
	Text   []byte
	Err    error
}

// Open makes the pages.
func (p *Pages) Open(store secret.Resolver) ([]*Page, error) {
	all, err := p.addresses()
	var pages []*Page
	for _, a := range all {
		pages = append(pages, &Page{Target: p.Target(a, store), Labels: append(a.Instance(), a.Path(all))})
	}
	return pages, err
}

// Fetch asks for the page; the answer is in Text or Err.
func (p *Page) Fetch(ctx context.Context, limit int64) {
	p.Text, p.Err = p.Get(ctx, limit)
}
