// Package config reads the configuration file. It reports every mistake with its position before anything starts.
//
//   - config.go: [Load] and [Parse], the way from a file to a [Config]; the top-level [Settings]; syntax errors.
//   - build.go: the lists of inputs and outputs. names.go: suggestions for unknown names.
//   - expand.go: environment variables. stores.go: secret stores, and references that are resolved while loading.
//   - literals.go: finds credentials in the file, for warnings about its permissions.
//   - indent.go: a frequent mistake of indentation that YAML accepts.
//   - web.go: [Web], the settings of the web server. health.go: [Health], those of the server for health checks. buffer.go: [Disk], the
//     buffer on disk.
//   - describe.go: a configuration as it is in effect, and what differs between two, for people.
//   - fingerprint.go: hashes that tell whether a component must be built again.
package config

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/secrets"
)

// maxFileSize is the size limit of a configuration file, in bytes.
const maxFileSize = 8 << 20

// Env is the environment that a configuration is read in.
type Env struct {
	Inputs   plugins.Catalog
	Outputs  outputs.Catalog
	Stores   secrets.Catalog
	GOOS     string                      // the system whose inputs exist
	Getenv   func(string) (string, bool) // os.LookupEnv
	Redactor *secret.Redactor            // gets the values of the secret stores; may be nil

	CheckSecrets bool    // also look up secrets that are used later, if their store is local
	Running      *Config // of the agent that runs already; its stores are used again if their settings are unchanged; nil: none

	KeepSource bool // for [Config.Print] and what compares configurations

	AllowMissingSecrets bool // a secret that its store does not have is a warning, and a setting that needs it has its default
}

// minEventBuffer is the smallest queue of events, in bytes. A long message fits.
const minEventBuffer = 64 << 10

// minMemory is the smallest max_memory, in bytes. The agent of a small configuration needs some 20 MB.
const minMemory = 32_000_000

// Settings are the top-level keys of the file.
type Settings struct {
	Interval       conf.Duration     `yaml:"interval"`               // between two gathers
	FlushInterval  conf.Duration     `yaml:"flush_interval"`         // between two writes; 0: the interval
	Counters       plugins.Counters  `yaml:"counters"`               // default for inputs
	MaxBufferSize  int               `yaml:"max_buffer_size"`        // samples in the queue of an output
	MaxEventBuffer conf.Size         `yaml:"max_event_buffer"`       // bytes of events in the queue of an output
	WhenFull       plugins.WhenFull  `yaml:"when_full"`              // default for inputs
	WarnOnBuffer   bool              `yaml:"warn_on_buffer"`         // log when a full queue drops
	Hostname       string            `yaml:"hostname" conf:"public"` // "": the name of the system
	Debug          bool              `yaml:"debug"`
	Once           bool              `yaml:"once"` // gather and write once, then exit
	LogFormat      string            `yaml:"log_format"`
	MaxMemory      conf.Size         `yaml:"max_memory"` // bytes of the process; 0: the limit of its control group, if there is one
	Tags           map[string]string `yaml:"tags" conf:"public"`
}

// Validate implements conf.Validator.
func (s *Settings) Validate() error {
	var errs []error
	if s.Interval.D() < plugins.MinInterval {
		errs = append(errs, conf.Key("interval", "must be at least %v", plugins.MinInterval))
	}
	if s.FlushInterval != 0 && s.FlushInterval.D() < plugins.MinInterval {
		errs = append(errs, conf.Key("flush_interval", "must be at least %v", plugins.MinInterval))
	}
	if s.Hostname != strings.TrimSpace(s.Hostname) {
		errs = append(errs, conf.Key("hostname", "must not begin or end with spaces"))
	}
	if s.MaxBufferSize < 1 {
		errs = append(errs, conf.Key("max_buffer_size", "must be at least 1 (samples per output)"))
	}
	if s.MaxEventBuffer < minEventBuffer {
		errs = append(errs, conf.Key("max_event_buffer", "must be at least 64KiB (of events per output)"))
	}
	if s.MaxMemory != 0 && s.MaxMemory < minMemory {
		errs = append(errs, conf.Key("max_memory", "must be at least 32MB (of the whole agent), or 0"))
	}
	if s.LogFormat != "text" && s.LogFormat != "json" {
		errs = append(errs, conf.Key("log_format", "must be text or json"))
	}
	return errors.Join(errs...)
}

// DefaultSettings are the settings of an empty file.
func DefaultSettings() Settings {
	return Settings{
		Interval:       conf.Duration(10 * time.Second),
		Counters:       plugins.AllCounters,
		MaxBufferSize:  1_000_000,
		MaxEventBuffer: 16 << 20,
		WhenFull:       plugins.Block,
		WarnOnBuffer:   true,
		LogFormat:      "text",
	}
}

// IncludeIdleCounters replaces "counters: moving" by "all", for commands that gather only for a moment, in which no counter
// moves. It reports whether anything changed.
func (c *Config) IncludeIdleCounters() (changed bool) {
	include := func(v *plugins.Counters) {
		if *v == plugins.MovingCounters {
			*v, changed = plugins.AllCounters, true
		}
	}
	include(&c.Counters)
	for i := range c.Inputs {
		include(&c.Inputs[i].Built.Options.Counters)
	}
	return changed
}

// FlushEvery returns the time between two writes.
func (s *Settings) FlushEvery() time.Duration {
	if s.FlushInterval == 0 {
		return s.Interval.D()
	}
	return s.FlushInterval.D()
}

// Input is a configured input. Its ID is its name, followed by #alias, or by # and a number if the name is not unique.
type Input struct {
	ID       string
	Settings string // a hash of its own settings and of those that it inherits: if it changes, the input must be built again
	Built    plugins.Built

	node *yaml.Node // its settings in the file; nil unless [Env.KeepSource] is set
}

// Output is a configured output.
type Output struct {
	ID       string
	Settings string // a hash like that of an input
	Built    outputs.Built

	node *yaml.Node // as of an input
}

// Config is a configuration without mistakes.
type Config struct {
	Settings
	Inputs   []Input
	Outputs  []Output
	Disk     *Disk   // nil: buffers are in memory only
	Web      *Web    // nil: no web server
	Health   *Health // nil: no server for health checks
	Secrets  *secrets.Stores
	Warnings conf.Problems
	Literal  int // the line of the first credential that is written in the file; 0: there is none

	// Hashes of the settings of Web, Health and Secrets, like those of inputs.
	WebSettings, HealthSettings, StoreSettings string

	Digest [sha256.Size]byte // SHA-256 of the file

	source *source // nil: not kept
}

// fileLayout is the top level of the file.
type fileLayout struct {
	Settings     `yaml:",inline"`
	SecretStore  yaml.Node    `yaml:"secret_store"`
	SecretStores yaml.Node    `yaml:"secret_stores"`
	Inputs       yaml.Node    `yaml:"inputs"`
	Outputs      yaml.Node    `yaml:"outputs"`
	Buffer       bufferLayout `yaml:"buffer"`
	Web          *Web         `yaml:"web"`
	Health       *Health      `yaml:"health"`
}

// Load reads and checks a file. The error is [conf.Problems] with all mistakes, or says why the file cannot be read, or is
// marked by [secret.Unavailable], which means that a later attempt can succeed.
func Load(ctx context.Context, path string, env Env) (*Config, error) {
	data, err := readFile(ctx, path)
	if err != nil {
		return nil, err
	}
	return Parse(ctx, path, data, env)
}

// readFile reads a file of at most maxFileSize bytes. The file can be a pipe, such as /dev/stdin or a named pipe without a
// writer. When ctx ends the function returns, and the read continues in a goroutine until the process ends.
func readFile(ctx context.Context, path string) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := readLimited(path)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s: %w", path, ctx.Err())
	}
}

func readLimited(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s: is a directory; name a file, such as %s", path, filepath.Join(path, "config.yaml"))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err == nil && len(data) > maxFileSize {
		err = fmt.Errorf("%s: is larger than %d MiB; this is not a configuration", path, maxFileSize>>20)
	}
	return data, err
}

// Parse checks the content of a file. The name appears in messages. Parse decodes twice if there are references to secrets in
// settings that are not a secret.Ref: only decoding finds these places, and the values of the stores must be checked like
// all others.
func Parse(ctx context.Context, name string, data []byte, env Env) (*Config, error) {
	top, err := parseYAML(data)
	if err != nil {
		return nil, syntaxError(name, data, err)
	}
	var ps conf.Problems
	splitIndentedItems(&ps, top, data)
	literal := firstLiteral(top)
	kept := source{settings: map[string]*yaml.Node{}}
	if env.KeepSource {
		kept.original = rememberReferences(top)
	}
	expandEnv(&ps, top, "", env.Getenv)
	removeExtensions(top)
	c, r, found := decodeAll(top, env)
	stores := buildStores(&ps, r, c.StoreSettings, env)
	if stores != nil && len(found.References()) > 0 {
		unresolved, err := resolveReferences(ctx, name, found, stores)
		if err == nil {
			c, _, found = decodeAll(top, env)
			found = explainReferences(found, unresolved, env.AllowMissingSecrets)
		} else if append(ps, dropReferences(found)...).Err() == nil {
			return nil, err
		}
	}
	if env.CheckSecrets && stores != nil {
		checkLaterSecrets(ctx, &ps, top, append(ps, found...), stores, env.AllowMissingSecrets)
	}
	c.Secrets, c.Literal, c.Digest = stores, literal, sha256.Sum256(data)
	if env.KeepSource {
		kept.top = top
		for _, in := range c.Inputs {
			kept.settings["input "+in.ID] = in.node
		}
		for _, out := range c.Outputs {
			kept.settings["output "+out.ID] = out.node
		}
		c.source = &kept
	}
	ps = append(ps, dropReferences(found)...).In(name)
	c.Warnings = ps.Warnings()
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// extension is the prefix of top-level keys that only hold anchors for the rest of the file, as in Docker Compose.
const extension = "x-"

// removeExtensions removes these keys. Aliases to their content stay valid.
func removeExtensions(top *yaml.Node) {
	if top.Kind != yaml.MappingNode {
		return
	}
	var kept []*yaml.Node
	for i := 0; i+1 < len(top.Content); i += 2 {
		if !strings.HasPrefix(top.Content[i].Value, extension) {
			kept = append(kept, top.Content[i], top.Content[i+1])
		}
	}
	top.Content = kept
}

// decodeAll decodes everything except the stores.
func decodeAll(top *yaml.Node, env Env) (*Config, *fileLayout, conf.Problems) {
	var ps conf.Problems
	r := &fileLayout{Settings: DefaultSettings()}
	conf.Decode(&ps, top, "", r)
	applyBuffer(&ps, top, r)
	warnReservedTags(&ps, top)
	b := builder{env: env, ps: &ps, inherited: inheritedHash(r)}
	c := &Config{
		Settings: r.Settings, Disk: r.Buffer.Disk, Web: r.Web, WebSettings: settingsHash(childNode(top, "web"), ""), Health: r.Health,
		HealthSettings: settingsHash(childNode(top, "health"), ""), StoreSettings: storesHash(r),
	}
	c.Inputs = b.buildInputs(&r.Inputs)
	c.Outputs = b.buildOutputs(&r.Outputs)
	return c, r, ps
}

var errEmptyFile = conf.Problem{Message: "the file is empty; it needs at least \"inputs:\" and \"outputs:\""}

// parseYAML returns the top mapping of a file with exactly one document.
func parseYAML(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) || err == nil && conf.IsNull(doc.Content[0]) {
		return nil, errEmptyFile
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, err
		}
		return nil, conf.Problem{Line: more.Line, Message: "a second document starts here (---); a configuration is one document"}
	}
	return doc.Content[0], nil
}

// unquotedVariable matches a variable without quotes in a place where YAML reads its brace as the start of a map.
var unquotedVariable = regexp.MustCompile(`[{\[,][^"']*:?\s*\$\{`)

// syntaxError adds a position to the message of the YAML parser and, for the most frequent mistakes, a remedy. The library
// states the line in its text or not at all; only the position depends on that text.
func syntaxError(name string, data []byte, err error) error {
	var known conf.Problem
	if errors.As(err, &known) {
		return conf.Problems{known}.In(name)
	}
	p := conf.Problem{File: name, Message: strings.TrimPrefix(err.Error(), "yaml: ")}
	if _, scanErr := fmt.Sscanf(p.Message, "line %d:", &p.Line); scanErr == nil {
		_, p.Message, _ = strings.Cut(p.Message, ": ")
	}
	p.Message = "this is not YAML: " + p.Message
	lines := bytes.Split(data, []byte("\n"))
	for i := max(0, p.Line-2); i < min(len(lines), p.Line+1); i++ { // the line of the parser may be off by one
		if tab := bytes.IndexByte(lines[i], '\t'); tab >= 0 {
			p.Line, p.Column = i+1, tab+1
			p.Message += "; there is a tab here: YAML requires spaces"
			return conf.Problems{p}
		}
		if place := unquotedVariable.FindIndex(lines[i]); place != nil {
			p.Line, p.Column = i+1, place[1]-len("${")+1
			p.Message += `; inside { } and [ ] a variable needs quotes: "${NAME}"`
			return conf.Problems{p}
		}
	}
	if at := findIndentedItem(lines); at != nil {
		p.Line, p.Column = at.Line, at.Column
		p.Message += `; this "- " is indented deeper than the previous one`
	} else if bytes.IndexByte(data, 0) >= 0 {
		p.Message += "; is this really a configuration file?"
	} else {
		p.Message += "; look at the indentation, quotes and colons here and on the line before"
	}
	return conf.Problems{p}
}

const reservedTagMessage = "has no effect: rtcollector sets this label itself"

// warnReservedTags warns of tags with the names of labels that every series has.
func warnReservedTags(ps *conf.Problems, top *yaml.Node) {
	if top.Kind != yaml.MappingNode {
		return
	}
	var known conf.Problems // Decode has reported the mistakes in these maps
	for key, tags := range conf.Entries(&known, top, "") {
		if key.Value != "tags" || tags.Kind != yaml.MappingNode {
			continue
		}
		for tag := range conf.Entries(&known, tags, "") {
			if telemetry.Reserved(tag.Value) {
				ps.Warn(tag, "tags."+tag.Value, reservedTagMessage)
			}
		}
	}
}
