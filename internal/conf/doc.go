// Package conf decodes YAML nodes into structs, strictly: unknown and duplicate keys, wrong types and failed
// validations become [Problem]s that carry line, column, path and a suggestion, and all of them are found in one go.
//
// The tag `yaml:"key"` names the key of a field; `yaml:",inline"` takes the keys of an embedded struct. A field with
// `conf:"ignored"` accepts its key for compatibility and warns that it has no effect. The value of a field with
// `conf:"public"` is visible in labels or in the log, so it must not come from a secret store. `conf:"list"` marks the field
// that takes a list which is written instead of the struct.
//
//   - decode.go: [Decode], from nodes to structs. entries.go: the keys of a map with its merges. text.go: from a small file.
//   - scalar.go: [Scalar], [Duration] and [Size]. secret.go: references to secrets.
//   - problem.go: [Problem] and its position. suggest.go: "did you mean".
package conf
