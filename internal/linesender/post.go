package linesender

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

// HTTPConfig holds the settings of outputs that can also use HTTP. Outputs inline it.
type HTTPConfig struct {
	Username    secret.Ref            `yaml:"username"`
	Password    secret.Ref            `yaml:"password"`
	BearerToken secret.Ref            `yaml:"bearer_token"`
	Headers     map[string]secret.Ref `yaml:"headers"`
	BatchSize   int                   `yaml:"batch_size"` // samples in one request
	Gzip        bool                  `yaml:"gzip"`
}

// maxBatch is the limit of batch_size.
const maxBatch = 50_000

// ValidateWith validates the settings. Structs that inline both configurations call it from their Validate.
func (h *HTTPConfig) ValidateWith(c *Config, k Kind) error {
	var errs []error
	if h.BatchSize < 1 || h.BatchSize > maxBatch {
		errs = append(errs, conf.Key("batch_size", "must be between 1 and %d", maxBatch))
	}
	for key, isSet := range map[string]bool{
		"username": !h.Username.IsZero(), "password": !h.Password.IsZero(), "bearer_token": !h.BearerToken.IsZero(), "headers": len(h.Headers) > 0,
	} {
		if isSet && !c.IsHTTP(k) {
			errs = append(errs, conf.Key(key, "is only for HTTP: write the destination as http://… or https://…, or remove it"))
		}
	}
	shared := h.client(c, k)
	return errors.Join(append(errs, shared.Validate())...)
}

// client returns the settings of the HTTP client.
func (h *HTTPConfig) client(c *Config, k Kind) httpx.Config {
	shared := httpx.Defaults()
	shared.Username, shared.Password, shared.BearerToken = h.Username, h.Password, h.BearerToken
	shared.TLS, shared.Proxy, shared.FollowRedirects = c.TLS, c.SOCKS5Proxy, false
	shared.Headers = map[string]secret.Ref{"Content-Type": secret.Literal(k.ContentType)}
	if h.Gzip {
		shared.Headers["Content-Encoding"] = secret.Literal("gzip")
	}
	for name, value := range h.Headers {
		shared.Headers[http.CanonicalHeaderKey(name)] = value
	}
	return shared
}

// Verdict tells what an answer means for the samples of a request.
type Verdict int

// The verdicts.
const (
	Accepted Verdict = iota // they are settled, apart from the refused ones
	Refused                 // the request is refused as a whole, perhaps because of one sample or its size
	Failed                  // they must be sent again
)

// Body tells how the lines of a request are put together, and what its answer means.
type Body struct {
	Begin, Between, End string

	// Judge returns what an answer means, how many samples were refused for good, and what the destination says about them.
	Judge func(status int, answer []byte) (v Verdict, refused int, text string)
}

// NewHTTP returns a sender over HTTP with these settings. It does not connect.
func NewHTTP(env Env, c Config, h HTTPConfig, k Kind, f Format, b Body) (*Sender, error) {
	places, err := c.places(k)
	if err != nil {
		return nil, err
	}
	shared := h.client(&c, k)
	p := &poster{body: b, format: f, timeout: c.Timeout.D(), returnAfter: c.ReturnAfter.D(), batch: h.BatchSize}
	for _, place := range places {
		t := shared.Target(place.url, env.Secrets)
		t.Method = http.MethodPost
		p.targets = append(p.targets, t)
	}
	if h.Gzip {
		p.gzip = gzip.NewWriter(io.Discard)
	}
	s := newSender(env, c, f)
	s.transport = p
	return s, nil
}

// poster sends points over HTTP. When a destination fails, the next one in the list takes over.
type poster struct {
	body        Body
	format      Format
	targets     []*httpx.Target
	timeout     time.Duration
	returnAfter time.Duration
	batch       int
	gzip        *gzip.Writer // nil: requests are not compressed

	at    int       // the current target
	tried time.Time // when the preferred one was tried last
	plain []byte
}

// open does nothing, because only a write shows whether the destination accepts samples.
func (p *poster) open(ctx context.Context) error { return ctx.Err() }

func (p *poster) close() error {
	for _, t := range p.targets {
		t.Close()
	}
	return nil
}

// describe sends a request without samples. Servers may refuse that, but not as they refuse everything.
func (p *poster) describe(ctx context.Context) (notes, warnings []string) {
	if v, _, err := p.post(ctx, nil); v == Failed {
		return nil, []string{"a request without samples fails: " + err.Error()}
	}
	return []string{"writes to " + p.targets[p.at].String() + "; only a write shows whether it accepts samples"}, nil
}

// maxSuspects is how many single samples may be refused while nothing has been accepted. Then the destination is taken to refuse everything.
const maxSuspects = 8

// send sends the points in batches. When a destination refuses a batch as a whole, send looks for the samples that cause that, in batches of
// half the size.
func (p *poster) send(ctx context.Context, points []point) (settled int, said refusals, err error) {
	if p.at > 0 && time.Since(p.tried) >= p.returnAfter {
		p.at = 0
	}
	done, suspects, size, accepted := 0, 0, p.batch, false
	for done < len(points) {
		n := min(size, len(points)-done)
		verdict, now, err := p.post(ctx, points[done:done+n])
		switch {
		case verdict == Accepted:
			said.add(now)
			done += n
			accepted = true
			size = min(2*size, p.batch)
		case verdict == Refused && n > 1:
			size = n / 2
			continue
		case verdict == Refused && (accepted || suspects < maxSuspects):
			said.add(refusals{1, err.Error()})
			done++
			suspects++
		default:
			return settled, said.upTo(accepted), err
		}
		if accepted {
			settled = done
		}
	}
	if !accepted {
		return 0, refusals{}, errors.New(said.text)
	}
	return settled, said, nil
}

func (r *refusals) add(more refusals) {
	if r.n == 0 {
		r.text = more.text
	}
	r.n += more.n
}

// upTo returns the refusals if they are settled.
func (r refusals) upTo(settled bool) refusals {
	if !settled {
		return refusals{}
	}
	return r
}

// post sends one batch to the current destination, or to another one if that fails.
func (p *poster) post(ctx context.Context, points []point) (v Verdict, said refusals, err error) {
	body, err := p.encode(points)
	if err != nil {
		return Failed, refusals{}, err
	}
	var errs []error
	for k := range p.targets {
		i := (p.at + k) % len(p.targets)
		if i == 0 {
			p.tried = time.Now()
		}
		v, said, err := p.request(ctx, p.targets[i], body)
		if v != Failed {
			p.at = i
			return v, said, err
		}
		if ctx.Err() != nil {
			return Failed, refusals{}, ctx.Err()
		}
		errs = append(errs, err)
	}
	return Failed, refusals{}, joinErrors(errs)
}

func (p *poster) encode(points []point) (string, error) {
	p.plain = append(p.plain[:0], p.body.Begin...)
	for i := range points {
		if i > 0 {
			p.plain = append(p.plain, p.body.Between...)
		}
		p.plain = p.format.Append(p.plain, points[i].line, points[i].ms, points[i].v)
	}
	p.plain = append(p.plain, p.body.End...)
	if p.gzip == nil {
		return string(p.plain), nil
	}
	var b strings.Builder
	p.gzip.Reset(&b)
	if _, err := p.gzip.Write(p.plain); err != nil {
		return "", err
	}
	err := p.gzip.Close() // writes the end
	return b.String(), err
}

// maxReply is how much of an answer is read, in bytes.
const maxReply = 4 << 20

func (p *poster) request(ctx context.Context, t *httpx.Target, body string) (Verdict, refusals, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	t.Body = body
	resp, err := t.Do(ctx)
	if err != nil {
		return Failed, refusals{}, t.Explain(err)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	_ = resp.Body.Close()
	if err != nil || len(answer) > maxReply {
		t.Close()
		if err == nil {
			err = fmt.Errorf("%s answers with more than %d bytes: is it the right URL?", t, maxReply)
		}
		return Failed, refusals{}, t.Explain(err)
	}
	v, n, text := p.body.Judge(resp.StatusCode, answer)
	switch {
	case v == Accepted:
		return v, refusals{n, fmt.Sprintf("%s refuses samples: %s", t, terminal.Line(text))}, nil
	case text != "":
		return v, refusals{}, fmt.Errorf("%s answers with status %d: %s", t, resp.StatusCode, terminal.Line(text))
	}
	return v, refusals{}, fmt.Errorf("%s answers with status %d%s%s", t, resp.StatusCode, adviseOnStatus(resp.StatusCode), excerpt(answer))
}

// JudgeStatus is what an answer means by its status alone.
func JudgeStatus(status int) Verdict {
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return Accepted
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return Refused
	}
	return Failed
}

func adviseOnStatus(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return ": correct username and password, bearer_token or headers"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return ": correct the URL"
	case http.StatusUnsupportedMediaType:
		return ": try gzip: false"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return ": it redirects to another address: configure that one"
	}
	return ""
}

// excerpt returns the beginning of an answer, for messages.
func excerpt(answer []byte) string {
	const most = 200
	line, _, _ := bytes.Cut(bytes.TrimSpace(answer), []byte("\n"))
	if len(line) == 0 {
		return ""
	}
	text := strings.ToValidUTF8(string(line[:min(len(line), most)]), "\uFFFD")
	return ": " + terminal.Line(text)
}
