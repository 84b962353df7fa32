package ui_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
)

var serve = flag.String("serve", "", "TestServe serves the dashboard over an invented fleet at this `address` until it is interrupted")

// patience bounds the wait for something that a page is to show.
const patience = 20 * time.Second

// browser is one chromium for all tests of this package.
var browser struct {
	once   sync.Once
	ctx    context.Context
	cancel func()
	reason string // why there is none
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if browser.cancel != nil {
		browser.cancel()
	}
	os.Exit(code)
}

// findChromium returns the path of a chromium: of PATH, or of the cache that .ci/web fills.
func findChromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	script, err := filepath.Abs("../../../../.ci/web")
	if err != nil {
		return ""
	}
	folder, err := exec.Command(script, "cached").Output()
	if path := filepath.Join(strings.TrimSpace(string(folder)), "chromium"); err == nil && len(folder) > 1 {
		return path
	}
	return ""
}

func startBrowser() {
	path := findChromium()
	if path == "" {
		browser.reason = `no chromium on PATH, and none in the cache: run "make test-web"`
		return
	}
	folder, err := os.MkdirTemp("", "rtcollector-chromium")
	if err != nil {
		browser.reason = err.Error()
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(folder), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Env("TZ=UTC", "LANG=C.UTF-8"))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	browser.ctx = ctx
	browser.cancel = func() {
		cancel()
		stop()
		_ = os.RemoveAll(folder)
	}
	if err := chromedp.Do(ctx); err != nil {
		browser.reason = fmt.Sprintf("%s does not start: %v", path, err)
	}
}

// tab is a page in the browser. It collects what must not happen: errors on the console, requests to other hosts, dialogs.
type tab struct {
	t    testing.TB
	ctx  context.Context
	base string

	mu       sync.Mutex
	problems []string
	requests []string
	allowed  []string // parts of problems that a test expects
}

// openTab opens an empty tab. Tests without a chromium are skipped, unless RTC_TEST_WEB=1.
func openTab(t testing.TB, base string, width, height int) *tab {
	t.Helper()
	browser.once.Do(startBrowser)
	if browser.reason != "" {
		if os.Getenv("RTC_TEST_WEB") == "1" {
			t.Fatal(browser.reason)
		}
		t.Skip(browser.reason)
	}
	p := &tab{t: t, base: base}
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.listen))
	t.Cleanup(func() {
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, problem := range p.problems {
			t.Errorf("the page: %s", problem)
		}
	})
	p.ctx = ctx
	size := chromedp.EmulateViewport(int64(width), int64(height))
	if width < 600 {
		size = chromedp.EmulateViewport(int64(width), int64(height), chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	p.run(size)
	var stop context.CancelFunc
	p.ctx, stop = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(stop)
	call(p, network.Enable, network.EnableParams{})
	call(p, runtime.Enable, cdp.Empty{})
	call(p, cdplog.Enable, cdp.Empty{})
	call(p, page.Enable, page.EnableParams{})
	return p
}

// call runs a command of the DevTools protocol in a tab.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	result, err := chromedp.Call(p.ctx, command, params)
	if err != nil {
		p.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

func (p *tab) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var texts []string
			for _, arg := range e.Args {
				texts = append(texts, string(arg.Value)+arg.Description)
			}
			p.addProblem("console: " + strings.Join(texts, " "))
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		p.addProblem("exception: " + text)
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Level == cdplog.EntryLevelWarning {
			p.addProblem(fmt.Sprintf("log: %s %s", e.Entry.Text, e.Entry.URL))
		}
	case *page.EventJavascriptDialogOpening:
		p.addProblem("dialog: " + e.Message)
		go func() { _, _ = chromedp.Call(p.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{}) }()
	case *network.EventRequestWillBeSent:
		p.mu.Lock()
		p.requests = append(p.requests, e.Request.URL)
		p.mu.Unlock()
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" && u.Scheme != "about" && !strings.HasPrefix(e.Request.URL, p.base+"/") {
			p.addProblem("request to another host: " + e.Request.URL)
		}
	}
}

func (p *tab) addProblem(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, part := range p.allowed {
		if strings.Contains(text, part) {
			return
		}
	}
	p.problems = append(p.problems, text)
}

// allow makes problems whose text contains part expected.
func (p *tab) allow(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, part)
}

func (p *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// open loads a path and waits until the page has its data.
func (p *tab) open(path string) {
	p.t.Helper()
	p.run(chromedp.Navigate(p.base + path))
	p.settle()
}

// settle waits until the page is not busy: no refresh runs, and nothing in the window
// loads.
func (p *tab) settle() {
	p.t.Helper()
	p.wait(`document.getElementById("main")?.getAttribute("aria-busy") === "false" && ![...document.querySelectorAll(".loading")].some((e) => e.offsetParent && e.getBoundingClientRect().top < innerHeight)`)
}

// wait waits until an expression is true.
func (p *tab) wait(expression string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		done, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if done {
			return
		}
		if time.Now().After(deadline) {
			p.screenshot("failed-" + p.t.Name() + ".png")
			p.t.Fatalf("still not true after %v (%v): %s\nthe page says: %.2000s", patience, err, expression, p.text("body"))
		}
		p.run(chromedp.Sleep(25 * time.Millisecond))
	}
}

// eval returns the value of an expression.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// text returns the text of the first element that a selector matches; "" without one.
func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf("document.querySelector(%s)?.innerText ?? ''", quote(selector)))
}

func quote(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// box is where an element is, in pixels of the window.
type box struct{ X, Y, Width, Height float64 }

func (b box) middle() (x, y float64) { return b.X + b.Width/2, b.Y + b.Height/2 }

// boxOf returns the place of an element, which an expression yields, after scrolling it into view.
func (p *tab) boxOf(expression string) box {
	p.t.Helper()
	return eval[box](p, fmt.Sprintf(`(async () => { const e = %s; e.scrollIntoView({block: "center"}); await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); const r = e.getBoundingClientRect(); return {X: r.x, Y: r.y, Width: r.width, Height: r.height}; })()`, expression))
}

func (p *tab) moveMouse(x, y float64) {
	p.t.Helper()
	p.run(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y))
}

// drag presses the mouse at one place and releases it at another one.
func (p *tab) drag(x0, y0, x1, y1 float64) {
	p.t.Helper()
	p.run(chromedp.DragAndDropXY(x0, y0, x1, y1))
}

func (p *tab) click(expression string) {
	p.t.Helper()
	x, y := p.boxOf(expression).middle()
	p.run(chromedp.MouseClickXY(x, y))
}

func (p *tab) press(keys string) {
	p.t.Helper()
	p.run(chromedp.KeyEvent(keys))
}

// artefact is a file that is kept for people to look at: in RTC_TEST_ARTEFACTS, else in a folder that ends with the test.
func artefact(t testing.TB, name string) string {
	folder := os.Getenv("RTC_TEST_ARTEFACTS")
	if folder == "" {
		folder = t.TempDir()
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, name)
}

// screenshot keeps a picture of the window, and returns it.
func (p *tab) screenshot(name string) []byte {
	p.t.Helper()
	picture := call(p, page.CaptureScreenshot, page.CaptureScreenshotParams{}).Data
	if err := os.WriteFile(artefact(p.t, name), picture, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return picture
}

// site is the server under test.
type site struct {
	base string

	mu      sync.Mutex
	answers map[string]http.HandlerFunc // instead of the server's own, by path
}

// answer makes the server answer a path differently; nil takes that back.
func (s *site) answer(path string, handler http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[path] = handler
}

func (s *site) answerFor(path string) http.HandlerFunc {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers[path]
}

// startSite serves the dashboard of a Redis.
func startSite(t testing.TB, r *redis) *site {
	t.Helper()
	server, err := web.New(r.webConfig())
	if err != nil {
		t.Fatal(err)
	}
	s := &site{answers: map[string]http.HandlerFunc{}}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler := s.answerFor(r.URL.Path); handler != nil {
			handler(w, r)
			return
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(listener.Close)
	s.base = listener.URL
	return s
}

// emulateScheme sets what the system says about its theme: light or dark.
func (p *tab) emulateScheme(scheme string) {
	p.t.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// chromedpKey presses a key that has a name instead of a character.
func chromedpKey(name string) chromedp.Action[chromedp.Void] {
	return chromedp.KeyEvent(map[string]string{"ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight, "ArrowDown": kb.ArrowDown, "Enter": kb.Enter}[name])
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parseURL(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func seconds(t testing.TB, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Error(err)
	}
	return n
}

// enter presses the enter key, without the line break that [chromedp.KeyEvent] adds although the page handles the key.
func (p *tab) enter() {
	p.t.Helper()
	eval[bool](p, `document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true, cancelable: true})) || true`)
}
