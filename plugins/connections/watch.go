package connections

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/remotename"
)

// verdict is what the input thinks of a process.
type verdict struct {
	watched  bool
	provider string // of the process or an ancestor; "": none
	root     bool   // watched for what it is called, not for its PID or its ancestors
}

type process = proctable.Process[verdict]

// watcher decides which processes are watched, and for whom they work.
type watcher struct {
	everything  bool
	patterns    []string // in lower case
	exclude     []string
	pids        map[int]bool
	descendants bool
	self        int // our own PID
	providers   []Provider
}

func newWatcher(c *Config, self int) *watcher {
	w := &watcher{
		everything: len(c.Patterns) == 0 && len(c.PIDs) == 0, patterns: lowered(c.Patterns), exclude: lowered(c.Exclude), pids: map[int]bool{},
		descendants: c.Descendants, self: self, providers: c.Providers.all(),
	}
	for _, pid := range c.PIDs {
		w.pids[pid] = true
	}
	for i := range w.providers {
		w.providers[i].Processes = lowered(w.providers[i].Processes)
	}
	return w
}

func lowered(texts []string) []string {
	low := make([]string, len(texts))
	for i, t := range texts {
		low[i] = strings.ToLower(t)
	}
	return low
}

// Forked implements proctable.Classifier. The process still is the program that its parent is.
func (w *watcher) Forked(p *process) verdict {
	v := verdict{root: w.everything}
	if p.Parent != nil {
		inherited := p.Parent.Info
		v = verdict{root: inherited.root, provider: inherited.provider, watched: w.descendants && inherited.watched}
	}
	v.watched = v.watched || v.root || w.pids[p.PID]
	return v
}

// Executed implements proctable.Classifier. A process that is excluded takes its descendants with it, unless they match by themselves.
func (w *watcher) Executed(p *process, argv []string) verdict {
	var inherited verdict
	if p.Parent != nil {
		inherited = p.Parent.Info
	}
	text := strings.ToLower(p.Comm + "\x00" + strings.Join(argv, " "))
	v := verdict{provider: w.providerOf(text)}
	if v.provider == "" {
		v.provider = inherited.provider
	}
	if p.PID == w.self || containsAny(text, w.exclude) {
		return verdict{}
	}
	v.root = w.everything || containsAny(text, w.patterns)
	v.watched = v.root || w.pids[p.PID] || w.descendants && inherited.watched
	return v
}

func (w *watcher) providerOf(text string) string {
	for i := range w.providers {
		if containsAny(text, w.providers[i].Processes) {
			return w.providers[i].Name
		}
	}
	return ""
}

// providerOfDomain returns whose service the remote end is; "": nobody's that is known.
func (w *watcher) providerOfDomain(n *remotename.Name) string {
	for i := range w.providers {
		if w.providers[i].Domains.match(n) {
			return w.providers[i].Name
		}
	}
	return ""
}

func containsAny(text string, patterns []string) bool {
	for _, p := range patterns {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

// all returns the providers in the order in which they are tried: the user's first, then those that are built in, unless the user's
// replace them or have the same name.
func (p *Providers) all() []Provider {
	all := append([]Provider(nil), p.List...)
	if p.Mode == modeReplace {
		return all
	}
	for _, b := range builtinProviders() {
		known := false
		for i := range p.List {
			known = known || strings.EqualFold(p.List[i].Name, b.Name)
		}
		if !known {
			all = append(all, b)
		}
	}
	return all
}

func builtinProviders() []Provider {
	return []Provider{
		{"anthropic", []string{"claude", "anthropic"}, domainPatterns("*.anthropic.com", "anthropic.com", "claude.ai", "*.claude.ai")},
		{"openai", []string{"codex", "openai"}, domainPatterns("*.openai.com", "openai.com", "chatgpt.com", "*.chatgpt.com")},
		{"google", []string{"gemini"}, domainPatterns("*.googleapis.com", "*.google.com", "google.com")},
	}
}

// domainPatterns returns globs that are known to be correct.
func domainPatterns(texts ...string) domainList {
	list := make(domainList, len(texts))
	for i, t := range texts {
		if err := list[i].UnmarshalScalar(t); err != nil {
			panic(err)
		}
	}
	return list
}
