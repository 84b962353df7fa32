// Package apache reports the requests, workers and connections of Apache HTTP servers, from the page of mod_status.
//
//   - plugin.go: [Plugin] and the server behind a URL. parse.go splits the page into fields.
//   - fields.go: the numbers of the page. balancer.go: the balancers of mod_proxy.
package apache

import (
	"context"
	_ "embed"

	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("apache", "requests, workers and connections of Apache HTTP servers (mod_status)", defaults, build).OnRequest().Doc(readme + httpx.Readme)

// Config has the URLs of the pages.
type Config struct {
	httpx.Pages `yaml:",inline"`
}

func defaults() Config { return Config{httpx.PagesOf("http://localhost/server-status?auto")} }

// maxPage bounds the page, in bytes. It is enough for the scoreboard of a million workers.
const maxPage = 2 << 20

// server is one Apache server.
type server struct {
	*httpx.Page
	numbers      map[string]numberSeries
	scoreboard   [256]*telemetry.Series // by letter
	info         *metric.Info
	version, mpm string
	balancers    *balancers
}

func build(env plugins.Env, c Config) (servers httpx.Group[*server], err error) {
	pages, err := c.Open(env.Secrets)
	for _, p := range pages {
		s := &server{
			Page: p, numbers: newNumberSeries(env.Factory, p.Labels), balancers: newBalancers(env.Factory, p.Labels),
			info: metric.NewInfo(env.Factory, "apache_info", p.Labels...),
		}
		for _, state := range workerStates() {
			s.scoreboard[state.letter] = env.Factory.Gauge("apache_scboard_"+state.name, telemetry.None, p.Labels...)
		}
		servers = append(servers, s)
	}
	return servers, err
}

// Ask implements httpx.Server.
func (s *server) Ask(ctx context.Context) { s.Fetch(ctx, maxPage) }

// Add implements httpx.Server.
func (s *server) Add(out *telemetry.Batch) error {
	if s.Err != nil {
		return s.Err
	}
	version, mpm, found := s.version, s.mpm, false
	s.balancers.beginPage()
	defer s.balancers.endPage(out)
	forEachField(s.Text, func(name, text []byte) {
		switch string(name) {
		case "Scoreboard":
			found = true
			s.addScoreboard(out, text)
		case "ServerVersion":
			version = reuseString(version, text)
		case "ServerMPM":
			mpm = reuseString(mpm, text)
		default:
			s.addNumber(out, name, text)
		}
	})
	if !found {
		return s.Unexpected(s.Text, "the page of Apache's mod_status (its URL ends in ?auto)")
	}
	s.version, s.mpm = version, mpm
	s.info.Add(out, telemetry.Label{Key: "version", Value: version}, telemetry.Label{Key: "mpm", Value: mpm})
	return nil
}

func (s *server) addNumber(out *telemetry.Batch, name, text []byte) {
	if s.balancers.addLine(out, name, text) {
		return
	}
	if to, known := s.numbers[string(name)]; known {
		if v, ok := parseNumber(text); ok {
			to.add(out, v)
		}
	}
}

// reuseString returns the text as a string. If it equals known, it returns known without an allocation.
func reuseString(known string, text []byte) string {
	if string(text) == known {
		return known
	}
	return string(text)
}

func (s *server) addScoreboard(out *telemetry.Batch, board []byte) {
	var counts [256]float64
	for _, letter := range board {
		counts[letter]++
	}
	for _, state := range workerStates() {
		out.Add(s.scoreboard[state.letter], counts[state.letter])
	}
}
