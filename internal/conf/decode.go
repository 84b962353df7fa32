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

// Validator is implemented by config structs with rules beyond types. Validate is called after decoding, also after other
// errors; its errors about keys that could not be decoded are ignored. [Key] points an error at a key.
type Validator interface{ Validate() error }

// maxDepth limits nesting, so that recursive aliases end in an error.
const maxDepth = 32

// Decode decodes a mapping node into the targets, which are pointers to structs that hold their defaults. Each key is decoded
// into every target that has it. A null or absent node leaves the defaults. Problems are appended to ps.
func Decode(ps *Problems, n *yaml.Node, path string, targets ...any) {
	d := decoder{ps: ps}
	values := make([]reflect.Value, len(targets))
	for i, t := range targets {
		values[i] = reflect.ValueOf(t).Elem()
	}
	d.decodeMapping(n, path, values)
}

type decoder struct {
	ps     *Problems
	depth  int
	public int // > 0 while decoding a field whose value is public
}

// IsNull reports whether the node is absent or an empty value ("key:").
func IsNull(n *yaml.Node) bool {
	return n == nil || n.Kind == 0 || n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// Resolve returns the node that an alias stands for, or the node itself.
func Resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// decodeMapping decodes one mapping into one or several structs that share its keys.
func (d *decoder) decodeMapping(n *yaml.Node, path string, targets []reflect.Value) {
	n = Resolve(n)
	before := len(*d.ps)
	keys := map[string]*yaml.Node{}
	if !IsNull(n) {
		if n.Kind != yaml.MappingNode {
			d.ps.Add(n, path, "must be a map (key: value)%s", describeKind(n))
			return
		}
		d.depth++
		defer func() { d.depth-- }()
		if d.depth > maxDepth {
			d.ps.Add(n, path, "is nested too deeply")
			return
		}
		d.decodeFields(n, path, keyTargets(targets), keys)
	}
	d.validate(n, path, targets, keys, (*d.ps)[before:])
}

func (d *decoder) decodeFields(n *yaml.Node, path string, known map[string]keyTarget, keys map[string]*yaml.Node) {
	for key, value := range Entries(d.ps, n, path) {
		f, ok := known[key.Value]
		switch {
		case !ok:
			d.ps.Add(key, path, "unknown key %q%s", key.Value, Suggest(key.Value, slices.Sorted(maps.Keys(known))))
		case f.ignored:
			d.ps.Warn(key, joinPath(path, key.Value), "is accepted for old configurations and has no effect")
		default:
			keys[key.Value] = key
			d.withVisibility(f, func() { d.decodeShared(value, joinPath(path, key.Value), f.values) })
		}
	}
}

// decodeShared decodes one value into all fields of its key. It reports problems once.
func (d *decoder) decodeShared(n *yaml.Node, path string, into []reflect.Value) {
	d.decodeValue(n, path, into[0])
	for _, other := range into[1:] {
		silent := decoder{ps: &Problems{}, depth: d.depth, public: d.public}
		silent.decodeValue(n, path, other)
	}
}

// withVisibility calls decode, as for a public field if f is public.
func (d *decoder) withVisibility(f keyTarget, decode func()) {
	if f.public {
		d.public++
		defer func() { d.public-- }()
	}
	decode()
}

// keyTarget is where the value of a key goes: one field of each struct that has the key.
type keyTarget struct {
	values          []reflect.Value
	ignored, public bool
}

// keyTargets returns the keys of the structs. A key of several structs must have the same type in all of them. All of them get
// its value, so that no struct hides the key of another.
func keyTargets(targets []reflect.Value) map[string]keyTarget {
	known := map[string]keyTarget{}
	for _, t := range targets {
		for i := range t.NumField() {
			sf := t.Type().Field(i)
			name, opts, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
			if opts == "inline" {
				for k, f := range keyTargets([]reflect.Value{t.Field(i)}) {
					known[k] = known[k].merge(k, f)
				}
				continue
			}
			if name != "" && name != "-" {
				known[name] = known[name].merge(name, keyTarget{[]reflect.Value{t.Field(i)}, sf.Tag.Get("conf") == "ignored", sf.Tag.Get("conf") == "public"})
			}
		}
	}
	return known
}

// merge returns f with the fields of another struct that have the same name.
func (f keyTarget) merge(name string, other keyTarget) keyTarget {
	if len(f.values) == 0 {
		return other
	}
	if f.values[0].Type() != other.values[0].Type() {
		panic(fmt.Sprintf("conf: the key %s is declared as %s and as %s", name, f.values[0].Type(), other.values[0].Type()))
	}
	return keyTarget{append(f.values, other.values...), f.ignored && other.ignored, f.public || other.public}
}

// Keys returns the configuration keys of a struct (a value or a pointer), sorted, without the ignored ones.
func Keys(config any) []string {
	v := reflect.Indirect(reflect.ValueOf(config))
	var names []string
	for k, f := range keyTargets([]reflect.Value{v}) {
		if !f.ignored {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	return names
}

// validate calls the Validators. Problems of keys that could not be decoded are not reported a second time.
func (d *decoder) validate(n *yaml.Node, path string, targets []reflect.Value, keys map[string]*yaml.Node, undecoded Problems) {
	undecoded = slices.DeleteFunc(slices.Clone(undecoded), func(p Problem) bool { return p.Warning })
	if len(undecoded.References()) > 0 {
		return // the rules are about values, which are not known yet
	}
	whole := slices.ContainsFunc(undecoded, func(p Problem) bool { return p.Path == path })
	for key := range keys {
		if slices.ContainsFunc(undecoded, func(p Problem) bool { return strings.HasPrefix(p.Path, joinPath(path, key)) }) {
			keys[key] = nil
		}
	}

	for _, t := range targets {
		if !t.CanAddr() {
			continue
		}
		if v, ok := t.Addr().Interface().(Validator); ok {
			d.addValidationError(v.Validate(), n, path, keys, whole)
		}
	}
}

func (d *decoder) addValidationError(err error, n *yaml.Node, path string, keys map[string]*yaml.Node, whole bool) {
	if err == nil {
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			d.addValidationError(e, n, path, keys, whole)
		}
		return
	}
	var ke *KeyError
	if !errors.As(err, &ke) {
		d.ps.Add(n, path, "%s", redactStored(err.Error(), n))
		return
	}
	key, index := splitItem(ke.Key)
	at, written := keys[key]
	switch {
	case written && at == nil, !written && whole:
		return // the key was not decoded, or is perhaps the misspelt one
	case !written:
		at = n
	case index >= 0:
		at = listItemNode(n, key, index, at)
	}
	d.ps.Add(at, joinPath(path, ke.Key), "%s", redactStored(ke.Message, n))
}

// splitItem splits "urls[1]" into the key and the index. Without an index it returns -1.
func splitItem(text string) (key string, index int) {
	key, rest, ok := strings.Cut(text, "[")
	i, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	if !ok || err != nil {
		return text, -1
	}
	return key, i
}

// listItemNode returns the node of an item of the list below a key, or other if it does not exist.
func listItemNode(n *yaml.Node, key string, index int, other *yaml.Node) *yaml.Node {
	for k, value := range Entries(&Problems{}, Resolve(n), "") {
		if k.Value == key && value.Kind == yaml.SequenceNode && index < len(value.Content) {
			return value.Content[index]
		}
	}
	return other
}

// decodeValue decodes any node into any supported type. Null leaves the default.
func (d *decoder) decodeValue(n *yaml.Node, path string, into reflect.Value) {
	n = Resolve(n)
	if IsNull(n) {
		if block := into.Kind() == reflect.Pointer && into.IsNil() && into.Type().Elem().Kind() == reflect.Struct; block && n != nil {
			d.ps.Add(n, path, "is empty: indent its settings below it, write {} for the defaults, or remove it")
		}
		return
	}
	if into.CanAddr() {
		switch t := into.Addr().Interface().(type) {
		case Scalar:
			if into.Kind() == reflect.Struct && n.Kind == yaml.MappingNode && len(keyTargets([]reflect.Value{into})) > 0 {
				break // is written in its long form
			}
			_, takesSecret := t.(SecretTaker)
			d.decodeScalar(n, path, takesSecret, t.UnmarshalScalar)
			return
		case *yaml.Node:
			*t = *n
			return
		}
	}
	switch into.Kind() {
	case reflect.Struct:
		if list := listFormField(into); list.IsValid() && n.Kind == yaml.SequenceNode {
			d.decodeList(n, path, list)
			return
		}
		d.decodeMapping(n, path, []reflect.Value{into})
	case reflect.Pointer:
		if into.IsNil() {
			into.Set(reflect.New(into.Type().Elem()))
		}
		d.decodeValue(n, path, into.Elem())
	case reflect.Slice:
		d.decodeList(n, path, into)
	case reflect.Map:
		d.decodeDict(n, path, into)
	default:
		d.decodeScalar(n, path, false, func(text string) error { return setBasicValue(into, text) })
	}
}

// listFormField returns the field with the tag conf:"list", which takes a list that is written instead of the struct.
func listFormField(v reflect.Value) reflect.Value {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("conf") == "list" {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// decodeScalar decodes a single value. References to secrets are allowed if takesSecret is true.
func (d *decoder) decodeScalar(n *yaml.Node, path string, takesSecret bool, set func(string) error) {
	if n.Kind != yaml.ScalarNode {
		d.ps.Add(n, path, "must be a single value%s", describeKind(n))
		return
	}
	if isReference(n) && (!takesSecret || d.public > 0) {
		d.addReference(n, path)
		return
	}
	if err := set(n.Value); err != nil {
		d.ps.Add(n, path, "%s%s%s", redactStored(err.Error(), n), describeValue(n), variableHint(n))
	}
}

func (d *decoder) decodeList(n *yaml.Node, path string, into reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.ps.Add(n, path, "must be a list (write [a, b], or one \"- a\" per line)%s", describeKind(n))
		return
	}
	out := reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		d.decodeValue(item, fmt.Sprintf("%s[%d]", path, i), out.Index(i))
	}
	into.Set(out)
}

func (d *decoder) decodeDict(n *yaml.Node, path string, into reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.ps.Add(n, path, "must be a map (key: value)%s", describeKind(n))
		return
	}
	out := reflect.MakeMap(into.Type())
	for key, value := range Entries(d.ps, n, path) {
		if isReference(key) {
			d.ps.Add(key, path, "a key cannot come from a secret store, only a value")
			continue
		}
		v := reflect.New(into.Type().Elem()).Elem()
		d.decodeValue(value, joinPath(path, key.Value), v)
		out.SetMapIndex(reflect.ValueOf(key.Value).Convert(into.Type().Key()), v)
	}
	into.Set(out)
}

func setBasicValue(into reflect.Value, text string) error {
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
	panic("conf: config field has the unsupported type " + into.Type().String())
}

func describeKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "; this is a list"
	case yaml.MappingNode:
		return "; this is a map"
	case yaml.ScalarNode:
		return describeValue(n)
	}
	return ""
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
