// Package config reads the configuration file: it finds every mistake in it, with its place, before anything starts.
package config

import (
	"bytes"
	"context"
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

// maxFile is the size of the largest configuration that is read, in bytes.
const maxFile = 8 << 20

// Env is what a configuration is read against.
type Env struct {
	Inputs  plugins.Catalog
	Outputs outputs.Catalog
	Stores  secrets.Catalog
	GOOS    string                      // which system's inputs exist
	Getenv  func(string) (string, bool) // os.LookupEnv
	Hidden  *secret.Redactor            // learns what the stores answer; may be nil

	CheckSecrets bool // also look up what is used later, where the store is local
}

// minEvents is the smallest buffer of events, in bytes: a long message fits.
const minEvents = 64 << 10

// Settings are the top-level keys of the file.
type Settings struct {
	Interval      conf.Duration     `yaml:"interval"`               // between two gathers
	FlushInterval conf.Duration     `yaml:"flush_interval"`         // between two writes; 0: the interval
	Counters      plugins.Counters  `yaml:"counters"`               // of inputs that do not say which of them are written
	MaxBufferSize int               `yaml:"max_buffer_size"`        // samples per output
	MaxEvents     conf.Size         `yaml:"max_event_buffer"`       // of events per output
	WhenFull      plugins.WhenFull  `yaml:"when_full"`              // of inputs that do not say what happens to their events then
	WarnOnBuffer  bool              `yaml:"warn_on_buffer"`         // log when the buffer overflows
	Hostname      string            `yaml:"hostname" conf:"public"` // "": the system's
	Debug         bool              `yaml:"debug"`
	Once          bool              `yaml:"once"` // gather and write once, then exit
	LogFormat     string            `yaml:"log_format"`
	Tags          map[string]string `yaml:"tags" conf:"public"`
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
		errs = append(errs, conf.Key("hostname", "must not begin or end with blanks"))
	}
	if s.MaxBufferSize < 1 {
		errs = append(errs, conf.Key("max_buffer_size", "must be at least 1 (samples per output)"))
	}
	if s.MaxEvents < minEvents {
		errs = append(errs, conf.Key("max_event_buffer", "must be at least 64KiB (of events per output)"))
	}
	if s.LogFormat != "text" && s.LogFormat != "json" {
		errs = append(errs, conf.Key("log_format", "must be text or json"))
	}
	return errors.Join(errs...)
}

// DefaultSettings are the settings of an empty file.
func DefaultSettings() Settings {
	return Settings{
		Interval:      conf.Duration(10 * time.Second),
		Counters:      plugins.AllCounters,
		MaxBufferSize: 1_000_000,
		MaxEvents:     16 << 20,
		WhenFull:      plugins.Block,
		WarnOnBuffer:  true,
		LogFormat:     "text",
	}
}

// IncludeIdleCounters turns "counters: moving" into all, for commands that gather only for a moment: nothing moves then. It
// reports whether that changed anything.
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

// Flush is the time between two writes.
func (s *Settings) Flush() time.Duration {
	if s.FlushInterval == 0 {
		return s.Interval.D()
	}
	return s.FlushInterval.D()
}

// Input is a configured input; its ID is its name, with #alias or a number where one name stands twice.
type Input struct {
	ID       string
	Settings string // differs when the input must be built anew: its own settings or those that it inherits changed
	Built    plugins.Built
}

// Output is a configured output.
type Output struct {
	ID       string
	Settings string // differs when the output must be built anew
	Built    outputs.Built
}

// Config is a configuration without mistakes.
type Config struct {
	Settings
	Inputs   []Input
	Outputs  []Output
	Secrets  *secrets.Stores
	Warnings conf.Problems
}

// root is the shape of the file.
type root struct {
	Settings     `yaml:",inline"`
	SecretStore  yaml.Node `yaml:"secret_store"`
	SecretStores yaml.Node `yaml:"secret_stores"`
	Inputs       yaml.Node `yaml:"inputs"`
	Outputs      yaml.Node `yaml:"outputs"`
}

// Load reads and checks a file. The error is [conf.Problems] with all mistakes, or says why the file cannot be read, or
// is marked by [secret.Unavailable]: then it may be loaded later.
func Load(ctx context.Context, path string, env Env) (*Config, error) {
	data, err := readFile(ctx, path)
	if err != nil {
		return nil, err
	}
	return Parse(ctx, path, data, env)
}

// readFile reads a file of at most maxFile bytes. It may be a pipe, such as /dev/stdin, whose writer takes its time, or a
// named one without a writer: then the end of ctx ends the wait, and the read goes on in a goroutine until the process
// ends.
func readFile(ctx context.Context, path string) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := readBounded(path)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s: %w", path, ctx.Err())
	}
}

func readBounded(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s: is a directory; name a file, such as %s", path, filepath.Join(path, "config.yaml"))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s: is larger than %d MiB; this is not a configuration", path, maxFile>>20)
	}
	return data, err
}

// Parse checks the content of a file; name appears in messages. It decodes twice when there are references to secrets
// where no secret.Ref takes them: only decoding tells which places these are, and what the stores answer is checked
// like everything else.
func Parse(ctx context.Context, name string, data []byte, env Env) (*Config, error) {
	top, err := parseYAML(data)
	if err != nil {
		return nil, syntaxError(name, data, err)
	}
	var ps conf.Problems
	splitDeepItems(&ps, top, data)
	expandEnv(&ps, top, "", env.Getenv)
	dropExtensions(top)
	c, r, found := decodeAll(top, env)
	stores := secretStores(&ps, r, env)
	if stores != nil && len(found.References()) > 0 {
		refused, err := resolve(ctx, name, found, stores)
		if err == nil {
			c, _, found = decodeAll(top, env)
			found = explain(found, refused)
		} else if append(ps, withoutReferences(found)...).Err() == nil {
			return nil, err
		}
	}
	if env.CheckSecrets && stores != nil {
		checkSecrets(ctx, &ps, top, append(ps, found...), stores)
	}
	c.Secrets = stores
	ps = append(ps, withoutReferences(found)...).In(name)
	c.Warnings = ps.Warnings()
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// extension begins the top-level keys that are not for us, but hold anchors for the rest: as in Docker Compose.
const extension = "x-"

// dropExtensions removes them. Aliases keep what they stand for.
func dropExtensions(top *yaml.Node) {
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

// decodeAll decodes everything but the stores.
func decodeAll(top *yaml.Node, env Env) (*Config, *root, conf.Problems) {
	var ps conf.Problems
	r := &root{Settings: DefaultSettings()}
	conf.Decode(&ps, top, "", r)
	warnOfTags(&ps, top)
	b := builder{env: env, ps: &ps, inherited: inherited(r)}
	c := &Config{Settings: r.Settings}
	c.Inputs = b.inputs(&r.Inputs)
	c.Outputs = b.outputs(&r.Outputs)
	return c, r, ps
}

var errEmpty = conf.Problem{Message: "the file is empty; it needs at least \"inputs:\" and \"outputs:\""}

// parseYAML returns the top mapping of a file with exactly one document.
func parseYAML(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) || err == nil && conf.IsNull(doc.Content[0]) {
		return nil, errEmpty
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, err
		}
		return nil, conf.Problem{Line: more.Line, Message: "a second document begins here (---); a configuration is one document"}
	}
	return doc.Content[0], nil
}

// bareVariable is a variable without quotes where YAML takes its brace for the beginning or the end of a map.
var bareVariable = regexp.MustCompile(`[{\[,][^"']*:?\s*\$\{`)

// syntaxError gives a parser's message a place and, for the most frequent mistakes, a remedy. The library names the
// line inside its text or not at all; nothing but the place depends on that.
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
	for i := max(0, p.Line-2); i < min(len(lines), p.Line+1); i++ { // the parser's line may be one off
		if tab := bytes.IndexByte(lines[i], '\t'); tab >= 0 {
			p.Line, p.Column = i+1, tab+1
			p.Message += "; here is a tab: YAML wants spaces"
			return conf.Problems{p}
		}
		if place := bareVariable.FindIndex(lines[i]); place != nil {
			p.Line, p.Column = i+1, place[1]-len("${")+1
			p.Message += `; within { } and [ ] a variable wants quotes: "${NAME}"`
			return conf.Problems{p}
		}
	}
	if at := deepItem(lines); at != nil {
		p.Line, p.Column = at.Line, at.Column
		p.Message += `; this "- " is indented deeper than the one before it`
	} else if bytes.IndexByte(data, 0) >= 0 {
		p.Message += "; is this really a configuration file?"
	} else {
		p.Message += "; look at the indentation, quotes and colons here and on the line before"
	}
	return conf.Problems{p}
}

const reservedTag = "has no effect: this label is not for tags"

// warnOfTags finds tags that would stand in the way of labels which every series has.
func warnOfTags(ps *conf.Problems, top *yaml.Node) {
	if top.Kind != yaml.MappingNode {
		return
	}
	var known conf.Problems // Decode has said what is wrong with these maps
	for key, tags := range conf.Entries(&known, top, "") {
		if key.Value != "tags" || tags.Kind != yaml.MappingNode {
			continue
		}
		for tag := range conf.Entries(&known, tags, "") {
			if telemetry.Reserved(tag.Value) {
				ps.Warn(tag, "tags."+tag.Value, reservedTag)
			}
		}
	}
}
