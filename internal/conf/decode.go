package conf

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Validator is implemented by config structs with rules beyond types. It runs after the struct decoded without an
// error; [Key] points its errors at a key.
type Validator interface{ Validate() error }

// maxDepth bounds nesting, so that recursive aliases end as an error.
const maxDepth = 32

// Decode reads a mapping node into the targets, pointers to structs that hold their defaults. Each key goes to every target
// that has it. A null or absent node leaves the defaults. What is wrong is appended to ps.
func Decode(ps *Problems, n *yaml.Node, path string, targets ...any) {
	d := decoder{ps: ps}
	values := make([]reflect.Value, len(targets))
	for i, t := range targets {
		values[i] = reflect.ValueOf(t).Elem()
	}
	d.mapping(n, path, values)
}

type decoder struct {
	ps     *Problems
	depth  int
	public int // > 0: inside a field that everybody sees
}

// IsNull reports whether the node is absent or an empty value ("key:").
func IsNull(n *yaml.Node) bool {
	return n == nil || n.Kind == 0 || n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// Resolve follows an alias to the node it stands for.
func Resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// mapping decodes one mapping into one or several structs that share its keys.
func (d *decoder) mapping(n *yaml.Node, path string, targets []reflect.Value) {
	n = Resolve(n)
	before := len(*d.ps)
	keys := map[string]*yaml.Node{}
	if !IsNull(n) {
		if n.Kind != yaml.MappingNode {
			d.ps.Add(n, path, "must be a map (key: value)%s", kindHint(n))
			return
		}
		d.depth++
		defer func() { d.depth-- }()
		if d.depth > maxDepth {
			d.ps.Add(n, path, "is nested too deeply")
			return
		}
		d.fields(n, path, fieldsOf(targets), keys)
	}
	d.validate(n, path, targets, keys, (*d.ps)[before:])
}

func (d *decoder) fields(n *yaml.Node, path string, known map[string]field, keys map[string]*yaml.Node) {
	for key, value := range Entries(d.ps, n, path) {
		f, ok := known[key.Value]
		switch {
		case !ok:
			d.ps.Add(key, path, "unknown key %q%s", key.Value, Suggest(key.Value, slices.Sorted(maps.Keys(known))))
		case f.ignored:
			d.ps.Warn(key, join(path, key.Value), "is accepted for old configurations and has no effect")
		default:
			keys[key.Value] = key
			d.open(f, func() { d.shared(value, join(path, key.Value), f.values) })
		}
	}
}

// shared decodes one value into all fields that want it. What is wrong with it is said once.
func (d *decoder) shared(n *yaml.Node, path string, into []reflect.Value) {
	d.value(n, path, into[0])
	for _, other := range into[1:] {
		silent := decoder{ps: &Problems{}, depth: d.depth, public: d.public}
		silent.value(n, path, other)
	}
}

// open decodes one field, in public if it is so.
func (d *decoder) open(f field, decode func()) {
	if f.public {
		d.public++
		defer func() { d.public-- }()
	}
	decode()
}

// field is a key: where its value goes, which is one field of each struct that has the key.
type field struct {
	values          []reflect.Value
	ignored, public bool
}

// fieldsOf lists the keys that the structs know. A key that several of them have must have one type: all of them get its
// value, so that no struct hides another's key.
func fieldsOf(targets []reflect.Value) map[string]field {
	known := map[string]field{}
	for _, t := range targets {
		for i := range t.NumField() {
			sf := t.Type().Field(i)
			name, opts, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
			if opts == "inline" {
				for k, f := range fieldsOf([]reflect.Value{t.Field(i)}) {
					known[k] = known[k].and(k, f)
				}
				continue
			}
			if name != "" && name != "-" {
				known[name] = known[name].and(name, field{[]reflect.Value{t.Field(i)}, sf.Tag.Get("conf") == "ignored", sf.Tag.Get("conf") == "public"})
			}
		}
	}
	return known
}

// and returns the field with what another struct declares under the same name.
func (f field) and(name string, other field) field {
	if len(f.values) == 0 {
		return other
	}
	if f.values[0].Type() != other.values[0].Type() {
		panic(fmt.Sprintf("conf: the key %s is declared as %s and as %s", name, f.values[0].Type(), other.values[0].Type()))
	}
	return field{append(f.values, other.values...), f.ignored && other.ignored, f.public || other.public}
}

// Keys lists the configuration keys of a struct (a value or a pointer), sorted, without the ignored ones.
func Keys(config any) []string {
	v := reflect.Indirect(reflect.ValueOf(config))
	var names []string
	for k, f := range fieldsOf([]reflect.Value{v}) {
		if !f.ignored {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	return names
}

// validate runs the rules of the structs. What is wrong with a key that could not even be read is not said twice.
func (d *decoder) validate(n *yaml.Node, path string, targets []reflect.Value, keys map[string]*yaml.Node, unread Problems) {
	unread = slices.DeleteFunc(slices.Clone(unread), func(p Problem) bool { return p.Warning })
	if len(unread.References()) > 0 {
		return // the rules are for values, and these are not known yet
	}
	whole := slices.ContainsFunc(unread, func(p Problem) bool { return p.Path == path })
	for key := range keys {
		if slices.ContainsFunc(unread, func(p Problem) bool { return strings.HasPrefix(p.Path, join(path, key)) }) {
			keys[key] = nil
		}
	}

	for _, t := range targets {
		if !t.CanAddr() {
			continue
		}
		if v, ok := t.Addr().Interface().(Validator); ok {
			d.invalid(v.Validate(), n, path, keys, whole)
		}
	}
}

func (d *decoder) invalid(err error, n *yaml.Node, path string, keys map[string]*yaml.Node, whole bool) {
	if err == nil {
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			d.invalid(e, n, path, keys, whole)
		}
		return
	}
	var ke *KeyError
	if !errors.As(err, &ke) {
		d.ps.Add(n, path, "%s", masked(err.Error(), n))
		return
	}
	key, index := splitItem(ke.Key)
	at, written := keys[key]
	switch {
	case written && at == nil, !written && whole:
		return // the key was not understood, or may be the one that is misspelt
	case !written:
		at = n
	case index >= 0:
		at = itemOf(n, key, index, at)
	}
	d.ps.Add(at, join(path, ke.Key), "%s", masked(ke.Message, n))
}

// splitItem splits "urls[1]" into the key and the index; without an index it is -1.
func splitItem(text string) (key string, index int) {
	key, rest, ok := strings.Cut(text, "[")
	i, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	if !ok || err != nil {
		return text, -1
	}
	return key, i
}

// itemOf returns the node of an item of the list below a key, or other when there is none.
func itemOf(n *yaml.Node, key string, index int, other *yaml.Node) *yaml.Node {
	for k, value := range Entries(&Problems{}, Resolve(n), "") {
		if k.Value == key && value.Kind == yaml.SequenceNode && index < len(value.Content) {
			return value.Content[index]
		}
	}
	return other
}

// value decodes any node into any supported type; null leaves the default.
func (d *decoder) value(n *yaml.Node, path string, into reflect.Value) {
	n = Resolve(n)
	if IsNull(n) {
		if block := into.Kind() == reflect.Pointer && into.IsNil() && into.Type().Elem().Kind() == reflect.Struct; block && n != nil {
			d.ps.Add(n, path, "is empty: indent its settings below it, write {} for the defaults, or leave it out")
		}
		return
	}
	if into.CanAddr() {
		switch t := into.Addr().Interface().(type) {
		case Scalar:
			if into.Kind() == reflect.Struct && n.Kind == yaml.MappingNode && len(fieldsOf([]reflect.Value{into})) > 0 {
				break // has a short form and a long one
			}
			_, takes := t.(SecretTaker)
			d.scalar(n, path, takes, t.UnmarshalScalar)
			return
		case *yaml.Node:
			*t = *n
			return
		}
	}
	switch into.Kind() {
	case reflect.Struct:
		if list := listForm(into); list.IsValid() && n.Kind == yaml.SequenceNode {
			d.list(n, path, list)
			return
		}
		d.mapping(n, path, []reflect.Value{into})
	case reflect.Pointer:
		if into.IsNil() {
			into.Set(reflect.New(into.Type().Elem()))
		}
		d.value(n, path, into.Elem())
	case reflect.Slice:
		d.list(n, path, into)
	case reflect.Map:
		d.dict(n, path, into)
	default:
		d.scalar(n, path, false, func(text string) error { return setBasic(into, text) })
	}
}

// listForm returns the field that takes a list which stands in the place of the struct: the one with the tag conf:"list".
func listForm(v reflect.Value) reflect.Value {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("conf") == "list" {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// scalar decodes a single value; takes says that a reference to a secret is one.
func (d *decoder) scalar(n *yaml.Node, path string, takes bool, set func(string) error) {
	if n.Kind != yaml.ScalarNode {
		d.ps.Add(n, path, "must be a single value%s", kindHint(n))
		return
	}
	if isReference(n) && (!takes || d.public > 0) {
		d.reference(n, path)
		return
	}
	if err := set(n.Value); err != nil {
		d.ps.Add(n, path, "%s%s%s", masked(err.Error(), n), shown(n), variableHint(n))
	}
}

func (d *decoder) list(n *yaml.Node, path string, into reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.ps.Add(n, path, "must be a list (write [a, b], or one \"- a\" per line)%s", kindHint(n))
		return
	}
	out := reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		d.value(item, fmt.Sprintf("%s[%d]", path, i), out.Index(i))
	}
	into.Set(out)
}

func (d *decoder) dict(n *yaml.Node, path string, into reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.ps.Add(n, path, "must be a map (key: value)%s", kindHint(n))
		return
	}
	out := reflect.MakeMap(into.Type())
	for key, value := range Entries(d.ps, n, path) {
		if isReference(key) {
			d.ps.Add(key, path, "a key cannot come from a secret store, only a value")
			continue
		}
		v := reflect.New(into.Type().Elem()).Elem()
		d.value(value, join(path, key.Value), v)
		out.SetMapIndex(reflect.ValueOf(key.Value).Convert(into.Type().Key()), v)
	}
	into.Set(out)
}

func setBasic(into reflect.Value, text string) error {
	switch into.Kind() {
	case reflect.String:
		into.SetString(text)
		return nil
	case reflect.Bool:
		v, err := parseBool(text)
		into.SetBool(v)
		return err
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16:
		v, err := parseInt(text, into.Type().Bits())
		into.SetInt(v)
		return err
	case reflect.Float64:
		v, err := parseFloat(text)
		into.SetFloat(v)
		return err
	}
	panic("conf: config field of unsupported type " + into.Type().String())
}

func kindHint(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "; here is a list"
	case yaml.MappingNode:
		return "; here is a map"
	case yaml.ScalarNode:
		return shown(n)
	}
	return ""
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
