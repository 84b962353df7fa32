package web_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// fixedAgent is an agent in one state.
type fixedAgent struct {
	stalled []string
	output  string // the state of its output
}

func (a fixedAgent) Stalled(time.Duration) []string { return a.stalled }
func (a fixedAgent) Parts() agent.Parts {
	return agent.Parts{
		Inputs:  []agent.Part{{ID: "linux_cpu", State: "failing", LastError: "the password hunter2hunter2 is wrong"}},
		Outputs: []agent.Part{{ID: "redistimeseries", State: a.output}},
	}
}

func ask(t *testing.T, h http.Handler, path, authorization string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Body)
	return w.Code, string(body)
}

// TestProbes: /health is about the loops, /ready also about the outputs. A failing input fails neither. The web server says one word.
func TestProbes(t *testing.T) {
	for name, tc := range map[string]struct {
		agent         fixedAgent
		health, ready int
	}{
		"works":    {fixedAgent{output: "ok"}, 200, 200},
		"away":     {fixedAgent{output: "failing"}, 200, 503},
		"starting": {fixedAgent{output: "starting"}, 200, 503},
		"stalled":  {fixedAgent{output: "ok", stalled: []string{"linux_cpu"}}, 503, 503},
	} {
		redact := func(text string) string { return strings.ReplaceAll(text, "hunter2hunter2", "[redacted]") }
		own, err := web.NewHealth(web.HealthConfig{Agent: tc.agent, Redact: redact, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		whole, err := web.New(web.Config{Agent: tc.agent, Redis: redisconn.Defaults()})
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{"/health": tc.health, "/ready": tc.ready} {
			status := map[int]string{200: "ok", 503: "failing"}[want]
			code, body := ask(t, own, path, "")
			var answer struct {
				Status  string
				Stalled []string
				Inputs  []struct {
					ID, State string
					LastError string `json:"last_error"`
				}
			}
			if err := json.Unmarshal([]byte(body), &answer); err != nil || code != want || answer.Status != status || len(answer.Stalled) != len(tc.agent.stalled) ||
				len(answer.Inputs) != 1 || answer.Inputs[0].LastError != "the password [redacted] is wrong" {
				t.Errorf("%s: %s: %d %s", name, path, code, body)
			}
			if code, body := ask(t, whole, path, ""); code != want || body != status+"\n" {
				t.Errorf("%s: %s of the web server: %d %s", name, path, code, body)
			}
		}
		if code, _ := ask(t, own, "/metrics", ""); code != http.StatusNotFound {
			t.Errorf("another path: %d", code)
		}
		if err := whole.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestHealthNeedsACredential where others can reach it.
func TestHealthNeedsACredential(t *testing.T) {
	settings := config.Health{Listen: "0.0.0.0:0"}
	if _, err := web.NewHealth(web.HealthConfig{Settings: settings}); err == nil || !strings.Contains(err.Error(), "other machines can reach") {
		t.Error(err)
	}
	settings.Auth = &httpauth.Auth{Token: secret.Literal("right")}
	s, err := web.NewHealth(web.HealthConfig{Settings: settings, Agent: fixedAgent{output: "ok"}, Redact: strings.Clone, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for authorization, want := range map[string]int{"": 401, "Bearer wrong": 401, "Bearer right": 200} {
		if code, body := ask(t, s, "/ready", authorization); code != want || code != 200 && strings.Contains(body, "linux_cpu") {
			t.Errorf("%q: %d %s", authorization, code, body)
		}
	}
	for range 20 {
		ask(t, s, "/ready", "Bearer wrong")
	}
	if code, _ := ask(t, s, "/ready", "Bearer right"); code != http.StatusTooManyRequests {
		t.Errorf("after many wrong attempts: %d", code)
	}
}
