package procclass

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
)

// Config are the settings of the classification. Components inline it. See [DefaultConfig].
type Config struct {
	File string `yaml:"classes"`      // a file with classes of the user; "": none
	Mode Mode   `yaml:"classes_mode"` // what becomes of the classes that are built in

	Groups           match.List `yaml:"groups"` // only these groups and subgroups; none: all
	Subgroups        match.List `yaml:"subgroups"`
	ExcludeGroups    match.List `yaml:"exclude_groups"`
	ExcludeSubgroups match.List `yaml:"exclude_subgroups"`
	Others           bool       `yaml:"others"` // also processes that are in no other group
}

// DefaultConfig returns the settings that hold without any.
func DefaultConfig() Config { return Config{Mode: Merge, Others: true} }

// ClassSettings returns the settings themselves. It finds them in those of a component that inlines them.
func (c *Config) ClassSettings() *Config { return c }

// Mode says what becomes of the classes that are built in when the user has a file.
type Mode string

// Modes.
const (
	Merge   Mode = "merge"   // the user's entries are tried first, and replace those of the same class
	Replace Mode = "replace" // there are only the user's
)

// UnmarshalScalar implements conf.Scalar.
func (m *Mode) UnmarshalScalar(text string) error {
	switch v := Mode(text); v {
	case Merge, Replace:
		*m = v
		return nil
	}
	return fmt.Errorf("must be %s or %s%s", Merge, Replace, conf.Suggest(text, []string{string(Merge), string(Replace)}))
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	if c.Mode == Replace && c.File == "" {
		return conf.Key("classes_mode", "replace needs a file with classes; name it with the key classes")
	}
	return nil
}

// Load reads the table. Its errors about the user's file have the file, line, column and what may have been meant. A filter that no class
// can pass, as after a typing mistake, is an error too.
func (c *Config) Load() (*Rules, error) {
	var list []Rule
	if c.File != "" {
		data, err := readTable(c.File)
		if err != nil {
			return nil, err
		}
		if list, err = parseTable(c.File, data); err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("%s: has no classes; it needs a list under the key \"classes\"", c.File)
		}
		setSource(list, c.File)
	}
	if c.Mode != Replace || c.File == "" {
		builtin, err := parseTable(builtinSource, builtinTable)
		if err != nil {
			return nil, err
		}
		list = merge(list, builtin)
	}
	if err := c.checkFilters(list); err != nil {
		return nil, err
	}
	return &Rules{
		list: list, index: newIndex(list),
		groups: c.Groups, subgroups: c.Subgroups, excludeGroups: c.ExcludeGroups, excludeSubgroups: c.ExcludeSubgroups, others: c.Others,
	}, nil
}

// readTable reads a file of the user.
func readTable(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read classes: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("read classes: %s is not a file", file)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxTable+1))
	if err != nil {
		return nil, fmt.Errorf("read classes: %w", err)
	}
	return data, nil
}

// checkFilters finds names of groups and subgroups that do not exist.
func (c *Config) checkFilters(list []Rule) error {
	groups, subgroups := []string{Other, kernel().Group}, []string{Unknown, kernel().Subgroup, unknown().String(), kernel().String()}
	for i := range list {
		r := &list[i]
		groups = append(groups, r.Group)
		subgroups = append(subgroups, r.Subgroup, r.String())
	}
	var errs []error
	check := func(key, what string, filter match.List, known []string) {
		for i, p := range filter {
			if p.IsExact() && !slices.Contains(known, p.String()) {
				errs = append(errs, conf.Item(key, i, "no class has the %s %q%s", what, p, conf.Suggest(p.String(), known)))
			}
		}
	}
	check("groups", "group", c.Groups, groups)
	check("exclude_groups", "group", c.ExcludeGroups, groups)
	check("subgroups", "subgroup", c.Subgroups, subgroups)
	check("exclude_subgroups", "subgroup", c.ExcludeSubgroups, subgroups)
	return errors.Join(errs...)
}
