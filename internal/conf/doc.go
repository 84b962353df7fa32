// Package conf decodes YAML nodes into structs, strictly: unknown and duplicate keys, wrong types and failed
// validations become [Problem]s that carry line, column, path and a suggestion, and all of them are found in one go.
//
// A field is known by its `yaml:"key"` tag. `yaml:",inline"` takes the keys of an embedded struct. A field with
// `conf:"ignored"` accepts its key for compatibility and warns that it has no effect; one with `conf:"public"` is seen by
// everybody (labels, names in the log), so that nothing in it may come from a secret store.
package conf
