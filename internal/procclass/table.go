package procclass

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
)

//go:embed classes.yaml
var builtinTable []byte

// builtinSource is the source of the entries that are built in.
const builtinSource = "built-in"

// Limits of a table.
const (
	maxTable       = 4 << 20 // bytes
	maxEntries     = 20_000
	maxItems       = 1000 // of a list of an entry
	maxItem        = 1000 // bytes of a name or an expression
	maxClassName   = 64   // bytes of a group or a subgroup
	maxExpressions = 1000 // of entries that need no name, because they are tried on every process
	maxPatterns    = 5000 // names that are no exact ones
	maxMistakes    = 30   // that are reported
	tooMany        = "%d %s are too many; %d are allowed"
)

// table is a file of entries.
type table struct {
	Classes []entry `yaml:"classes"`

	rules []Rule
}

// entry is a rule as a file has it.
type entry struct {
	Group     string       `yaml:"group"`
	Subgroup  string       `yaml:"subgroup"`
	Name      match.List   `yaml:"name"`
	Exe       match.List   `yaml:"exe"`
	Comm      match.List   `yaml:"comm"`
	Cmdline   []expression `yaml:"cmdline"`
	Cgroup    match.List   `yaml:"cgroup"`
	Unit      match.List   `yaml:"unit"`
	Container []string     `yaml:"container"`
}

// parseTable parses a file. The error has the position of each mistake.
func parseTable(name string, data []byte) ([]Rule, error) {
	if len(data) > maxTable {
		return nil, fmt.Errorf("%s: the file has more than %d MiB", name, maxTable>>20)
	}
	var t table
	if err := conf.DecodeText(name, data, &t); err != nil {
		return nil, limitMistakes(err)
	}
	return t.rules, nil
}

func limitMistakes(err error) error {
	var ps conf.Problems
	if !errors.As(err, &ps) || len(ps) <= maxMistakes {
		return err
	}
	return fmt.Errorf("%w\n… and %d more", ps[:maxMistakes], len(ps)-maxMistakes)
}

// Validate implements conf.Validator.
func (e *entry) Validate() error {
	var errs []error
	check := func(key string, err error) {
		if err != nil {
			errs = append(errs, conf.Key(key, "%v", err))
		}
	}
	check("group", checkClassName(e.Group))
	check("subgroup", checkClassName(e.Subgroup))
	lists := 0
	for _, l := range []struct {
		key  string
		list match.List
	}{{"name", e.Name}, {"exe", e.Exe}, {"comm", e.Comm}, {"cgroup", e.Cgroup}, {"unit", e.Unit}, {"cmdline", patternsOf(e.Cmdline)}, {"container", texts(e.Container)}} {
		lists += len(l.list)
		errs = append(errs, checkItems(l.key, l.list)...)
	}
	if lists == 0 {
		errs = append(errs, conf.Key("name", "is missing; an entry needs one of name, exe, comm, cmdline, cgroup, unit, container"))
	}
	return errors.Join(errs...)
}

func patternsOf(list []expression) (all match.List) {
	for _, r := range list {
		all = append(all, r.Pattern)
	}
	return all
}

// texts returns words as patterns, whose signs mean nothing.
func texts(list []string) match.List {
	all := make(match.List, len(list))
	for i, text := range list {
		_ = all[i].UnmarshalScalar(strings.Map(func(r rune) rune {
			if strings.ContainsRune("*?[~", r) {
				return '_'
			}
			return r
		}, text))
	}
	return all
}

// checkClassName checks a group or a subgroup, which become values of labels.
func checkClassName(name string) error {
	switch {
	case name == "":
		return errors.New("must be a name; it is missing or empty")
	case len(name) > maxClassName:
		return fmt.Errorf("must have at most %d bytes", maxClassName)
	case strings.IndexFunc(name, func(r rune) bool {
		return r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.N) && !strings.ContainsRune("_.+-", r)
	}) >= 0:
		return fmt.Errorf("must have only letters, digits and _ . + -, not %q", name)
	}
	return nil
}

// checkItems checks the list of a key.
func checkItems(key string, list match.List) (errs []error) {
	if len(list) > maxItems {
		return []error{conf.Key(key, tooMany, len(list), "items", maxItems)}
	}
	first := make(map[string]int, len(list))
	for i, p := range list {
		text := p.String()
		other, isTwice := first[text]
		switch {
		case text == "" || text == "~":
			errs = append(errs, conf.Item(key, i, "is empty"))
		case isTwice:
			errs = append(errs, conf.Item(key, i, "is in the list twice, first as item %d", other+1))
		case len(text) > maxItem:
			errs = append(errs, conf.Item(key, i, "has %d bytes; %d are allowed", len(text), maxItem))
		case p.IsExact():
			if err := checkName(key, text); err != nil {
				errs = append(errs, conf.Item(key, i, "%v", err))
			}
		}
		first[text] = i
	}
	return errs
}

// checkName finds names that can never match.
func checkName(key, name string) error {
	switch {
	case key == "comm" && len(name) > maxComm:
		return fmt.Errorf("%q can never match, because the kernel keeps %d bytes; write %q, or use name", name, maxComm, name[:maxComm])
	case (key == "exe" || key == "name") && strings.HasPrefix(name, "/"):
		return fmt.Errorf("%q can never match; write the last part, %q", name, name[strings.LastIndexByte(name, '/')+1:])
	case key == "unit" && !strings.Contains(name, "."):
		return fmt.Errorf("%q can never match; did you mean %q?", name, name+".service")
	}
	return nil
}

// Validate implements conf.Validator. It makes the rules.
func (t *table) Validate() error {
	if len(t.Classes) > maxEntries {
		return conf.Key("classes", tooMany, len(t.Classes), "entries", maxEntries)
	}
	t.rules = make([]Rule, len(t.Classes))
	searched, patterns := 0, 0
	for i := range t.Classes {
		r := t.Classes[i].rule()
		t.rules[i] = r
		patterns += len(r.name.patterns) + len(r.exe.patterns) + len(r.comm.patterns)
		if !r.isNamed() {
			searched += len(r.cmdline) + len(r.cgroup) + len(r.unit)
		}
	}
	if searched > maxExpressions {
		return conf.Key("classes", tooMany+": entries without a name, exe or comm are tried on every process", searched, "expressions", maxExpressions)
	}
	if patterns > maxPatterns {
		return conf.Key("classes", tooMany, patterns, "patterns of names", maxPatterns)
	}
	return errors.Join(findRepeated(t.rules)...)
}

func (e *entry) rule() Rule {
	return Rule{
		Class: Class{e.Group, e.Subgroup}, Source: builtinSource, name: newNames(e.Name), exe: newNames(e.Exe), comm: newNames(e.Comm),
		cmdline: e.Cmdline, cgroup: e.Cgroup, unit: e.Unit, container: e.Container,
	}
}

// findRepeated finds entries that an earlier one leaves nothing for: the same entry, and a name that an earlier entry without further
// conditions has.
func findRepeated(rules []Rule) (errs []error) {
	plain := map[string]int{} // a key and a name to the entry
	same := make(map[string]int, len(rules))
	for i := range rules {
		r := &rules[i]
		whole := r.Group + "\x00" + r.Subgroup + "\x00" + r.Conditions()
		if first, ok := same[whole]; ok {
			errs = append(errs, conf.Item("classes", i, "is the same as classes[%d]; remove one", first))
			continue
		}
		same[whole] = i
		if name, first := findTaken(r, plain); first >= 0 {
			errs = append(errs, conf.Item("classes", i, "%q is also in classes[%d] (%s), which comes first and always matches; remove it from one of them",
				name, first, rules[first].Class))
			continue
		}
		if r.isPlain() {
			for key, n := range map[string]*names{"name": &r.name, "exe": &r.exe, "comm": &r.comm} {
				for _, name := range n.texts() {
					plain[key+" "+name] = i
				}
			}
		}
	}
	return errs
}

// findTaken returns a name of a rule that an earlier one has, and the position of that one, or -1.
func findTaken(r *Rule, plain map[string]int) (name string, first int) {
	for _, own := range []struct {
		names *names
		keys  []string
	}{{&r.name, []string{"name "}}, {&r.exe, []string{"name ", "exe "}}, {&r.comm, []string{"name ", "comm "}}} {
		for _, name := range own.names.texts() {
			for _, key := range own.keys {
				if first, ok := plain[key+name]; ok {
					return name, first
				}
			}
		}
	}
	return "", -1
}

// setSource says where rules come from.
func setSource(rules []Rule, file string) {
	for i := range rules {
		rules[i].Source = fmt.Sprintf("%s: classes[%d]", file, i)
	}
}

// merge returns the rules of a user before those that are built in, without the built-in ones of classes that the user describes.
func merge(own, builtin []Rule) []Rule {
	described := make(map[Class]bool, len(own))
	for i := range own {
		described[own[i].Class] = true
	}
	return append(slices.Clip(own), slices.DeleteFunc(builtin, func(r Rule) bool { return described[r.Class] })...)
}
