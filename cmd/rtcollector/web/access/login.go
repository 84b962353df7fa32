package access

import (
	_ "embed"
	"encoding/json"
	"errors"
	"html"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/rtcollector/rtcollector/internal/httpserve"
)

const maxLogin = 16 << 10 // bytes of a login

var (
	//go:embed login.html
	loginPage string
	//go:embed login.css
	loginStyle string
)

// Routes returns the handlers of the login, by path and method.
func (g *Guard) Routes() map[string]map[string]http.HandlerFunc {
	return map[string]map[string]http.HandlerFunc{
		loginPath:  {http.MethodGet: g.showLogin, http.MethodPost: g.login},
		logoutPath: {http.MethodPost: g.logout},
		stylePath:  {http.MethodGet: serveStyle},
	}
}

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write([]byte(loginStyle))
}

func (g *Guard) showLogin(w http.ResponseWriter, r *http.Request) {
	if g.credential == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	g.writeLogin(w, http.StatusOK, r.URL.Query().Get("next"), "")
}

// Fields of the form.
const (
	tokenField = `<label>Token <input type="password" name="token" autocomplete="current-password" required autofocus></label>`
	basicField = `<label>User <input name="username" autocomplete="username" required autofocus></label>` +
		`<label>Password <input type="password" name="password" autocomplete="current-password" required></label>`
)

func (g *Guard) writeLogin(w http.ResponseWriter, status int, next, problem string) {
	fields := basicField
	if g.credential.IsToken() {
		fields = tokenField
	}
	page := strings.NewReplacer("{{fields}}", fields, "{{problem}}", html.EscapeString(problem), "{{next}}", html.EscapeString(localPath(next))).Replace(loginPage)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(page))
}

// loginRequest is what a client sends, as a form or as JSON.
type loginRequest struct {
	Token    string `json:"token"`
	Username string `json:"username"`
	Password string `json:"password"`

	next   string
	isForm bool
}

var errLogin = errors.New("send a form or JSON with token, or with username and password")

func readLogin(w http.ResponseWriter, r *http.Request) (l loginRequest, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		if json.NewDecoder(r.Body).Decode(&l) != nil {
			return l, errLogin
		}
		return l, nil
	}
	if r.ParseForm() != nil {
		return l, errLogin
	}
	return loginRequest{r.PostForm.Get("token"), r.PostForm.Get("username"), r.PostForm.Get("password"), r.PostForm.Get("next"), true}, nil
}

func (g *Guard) login(w http.ResponseWriter, r *http.Request) {
	l, err := readLogin(w, r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	var want httpserve.Digest
	if g.credential != nil {
		if want, err = g.credential.Digest(r.Context()); err != nil {
			g.settings.Log.Warn("the credential of the web server cannot be looked up", "error", err)
			writeError(w, http.StatusServiceUnavailable, "the server cannot look up its credential: see its log")
			return
		}
		got := httpserve.BasicDigest(l.Username, l.Password)
		if g.credential.IsToken() {
			got = httpserve.TokenDigest(l.Token)
		}
		if status, message := g.check(w, r, want, got); status != http.StatusOK {
			w.Header().Del("WWW-Authenticate")
			if l.isForm {
				g.writeLogin(w, status, l.next, message)
			} else {
				writeError(w, status, message)
			}
			return
		}
		http.SetCookie(w, g.cookie(r, g.sessions.issue(want)))
	}
	if l.isForm {
		http.Redirect(w, r, localPath(l.next), http.StatusSeeOther)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (g *Guard) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, g.cookie(r, ""))
	w.WriteHeader(http.StatusNoContent)
}

// localPath returns a path of this server with its query, or "/" for anything else.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return u.RequestURI()
}

// escapeNext returns the path of a page for the parameter next.
func escapeNext(u *url.URL) string { return url.QueryEscape(u.RequestURI()) }
