package observe

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/conf"
)

//go:embed presets/*.yaml
var builtinPresets embed.FS

// Preset decides what the command observe watches, shows and reports. Flags take precedence.
type Preset struct {
	Base    string   `yaml:"base"`    // the preset that has the values of the keys that are missing; "": live
	Output  Format   `yaml:"output"`  // the view, lines or JSON
	Show    []string `yaml:"show"`    // kinds of events; see [ParseKinds]
	Details bool     `yaml:"details"` // of lines: user, command line, ancestors
	View    string   `yaml:"view"`    // what the bars stand for; see [ParseView]
	Theme   string   `yaml:"theme"`   // see [ParseTheme]
	Bell    bool     `yaml:"bell"`
	Summary bool     `yaml:"summary"` // print totals and destinations at the end
	LogDir  string   `yaml:"log_dir"` // a file with all events for each run; "": none
	FailOn  []string `yaml:"fail_on"` // kinds of alerts that are a failure

	Patterns  []string `yaml:"patterns"` // what is watched; see the input connections
	Exclude   []string `yaml:"exclude_patterns"`
	Listening bool     `yaml:"listening"`
	Source    string   `yaml:"source"`
	Domains   string   `yaml:"domains"`
	Alerts    Alerts   `yaml:"alerts"`
}

// Alerts are the alerts of the input connections.
type Alerts struct {
	Domains        []string      `yaml:"domains"`
	UnknownDomain  bool          `yaml:"unknown_domain"`
	MaxConnections int           `yaml:"max_connections"`
	MaxPerProvider int           `yaml:"max_per_provider"`
	Duration       conf.Duration `yaml:"duration"`
}

// Format is how events are shown.
type Format string

// Formats.
const (
	Auto  Format = "auto"  // the view in a terminal, else lines
	Lines Format = "lines" // one line per event
	JSON  Format = "json"  // one JSON object per event
)

// UnmarshalScalar implements conf.Scalar.
func (f *Format) UnmarshalScalar(text string) error {
	switch v := Format(text); v {
	case Auto, Lines, JSON:
		*f = v
		return nil
	}
	return fmt.Errorf("must be %s, %s or %s", Auto, Lines, JSON)
}

// AlertKinds returns the kinds of alerts.
func AlertKinds() []string {
	return []string{"domains", "unknown_domain", "max_connections", "max_per_provider", "duration"}
}

// CheckAlertKinds returns an error if one of the names is not a kind of alert.
func CheckAlertKinds(names []string) error {
	for _, name := range names {
		if !slices.Contains(AlertKinds(), name) {
			return fmt.Errorf("%q is not a kind of alert%s; kinds are %s", name, conf.Suggest(name, AlertKinds()), strings.Join(AlertKinds(), ", "))
		}
	}
	return nil
}

// Validate implements conf.Validator.
func (p *Preset) Validate() error {
	var errs []error
	check := func(key string, err error) {
		if err != nil {
			errs = append(errs, conf.Key(key, "%v", err))
		}
	}
	_, err := ParseKinds(p.Show)
	check("show", err)
	_, err = ParseView(p.View)
	check("view", err)
	_, err = ParseTheme(p.Theme)
	check("theme", err)
	check("fail_on", CheckAlertKinds(p.FailOn))
	return errors.Join(errs...)
}

// firstPreset is the preset that all others begin with.
const firstPreset = "live"

// maxBases is how many presets one can be made of.
const maxBases = 10

// LoadPreset returns a preset by its name: NAME.yaml in the user's directory, or one that is built in. The directory may be
// nil. The error names the file, the line and what may have been meant.
func LoadPreset(user fs.FS, name string) (*Preset, error) {
	p := &Preset{}
	return p, loadInto(p, user, name, maxBases)
}

func loadInto(p *Preset, user fs.FS, name string, depth int) error {
	if depth == 0 {
		return fmt.Errorf("preset %q is based on itself, or on too many others", name)
	}
	file, data, err := readPreset(user, name)
	if err != nil {
		return err
	}
	var only struct{ Preset }
	only.View, only.Theme = ByProvider.String(), "default" // so that the first reading finds only mistakes of the file
	if err := conf.DecodeText(file, data, &only.Preset); err != nil {
		return err
	}
	base := only.Base
	if base == "" && name != firstPreset {
		base = firstPreset
	}
	if base != "" {
		if err := loadInto(p, user, base, depth-1); err != nil {
			return err
		}
	}
	return conf.DecodeText(file, data, p)
}

// readPreset returns the text of a preset.
func readPreset(user fs.FS, name string) (file string, data []byte, err error) {
	if !fs.ValidPath(name) || strings.Contains(name, "/") {
		return "", nil, fmt.Errorf("%q is not the name of a preset", name)
	}
	file = name + ".yaml"
	var denied error // the directory may be that of another user, as after setpriv: then the presets that are built in are meant
	if user != nil {
		data, err = fs.ReadFile(user, file)
		switch {
		case errors.Is(err, fs.ErrPermission):
			denied = err
		case !errors.Is(err, fs.ErrNotExist):
			return file, data, err
		}
	}
	data, err = builtinPresets.ReadFile(path.Join("presets", file))
	switch {
	case err != nil && denied != nil:
		return "", nil, fmt.Errorf("read preset %q: %w", name, denied)
	case err != nil:
		known := Presets(user)
		return "", nil, fmt.Errorf("preset %q does not exist%s; there are %s", name, conf.Suggest(name, known), strings.Join(known, ", "))
	}
	return "built-in " + file, data, nil
}

// Presets returns the names of all presets.
func Presets(user fs.FS) (names []string) {
	found, _ := fs.Glob(builtinPresets, "presets/*.yaml")
	if user != nil {
		own, _ := fs.Glob(user, "*.yaml")
		found = append(found, own...)
	}
	for _, f := range found {
		names = append(names, strings.TrimSuffix(path.Base(f), ".yaml"))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
