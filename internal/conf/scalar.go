package conf

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Scalar is implemented by types that decode themselves from one YAML scalar. For structs with keys this is an alternative
// short form. The error is printed after the key's path and must not repeat a value that may be secret.
type Scalar interface{ UnmarshalScalar(text string) error }

// Duration is a time span. Numbers are seconds; texts may have the units ms, s, m, h, d (24 h), w (7 d) and y (365 d).
type Duration time.Duration

// D returns the duration as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String returns the duration as "1m30s".
func (d Duration) String() string { return time.Duration(d).String() }

// UnmarshalScalar implements [Scalar].
func (d *Duration) UnmarshalScalar(text string) error {
	v, err := ParseDuration(text)
	*d = Duration(v)
	return err
}

var (
	errDuration = errors.New(`must be a duration such as 10 (seconds), "500ms", "1m30s" or "7d"`)
	errNegative = errors.New(`must be a duration without a minus sign, such as 10 (seconds), "500ms", "1m30s" or "7d"`)
)

// ParseDuration parses "10" (seconds), "1.5", "10s", "1h30m", "7d", "1w", "1y". A negative duration is an error.
func ParseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if rest, isNegative := strings.CutPrefix(text, "-"); isNegative {
		if _, err := ParseDuration(rest); err == nil {
			return 0, errNegative
		}
		return 0, errDuration
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return fromFloat(v, time.Second)
	}
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour} {
		if n, ok := strings.CutSuffix(strings.ToLower(text), suffix); ok {
			v, err := strconv.ParseFloat(n, 64)
			if err != nil {
				return 0, errDuration
			}
			return fromFloat(v, unit)
		}
	}
	v, err := time.ParseDuration(text)
	if err != nil || v < 0 {
		return 0, errDuration
	}
	return v, nil
}

func fromFloat(v float64, unit time.Duration) (time.Duration, error) {
	if ns := v * float64(unit); ns >= 0 && ns < math.MaxInt64 {
		return time.Duration(ns), nil
	}
	return 0, errDuration
}

// Size is a number of bytes. YAML numbers are bytes; texts take B, kB, MB, GB (powers of 1000) and KiB, MiB, GiB.
type Size int64

// UnmarshalScalar implements [Scalar].
func (s *Size) UnmarshalScalar(text string) error {
	if strings.HasPrefix(strings.TrimSpace(text), "-") {
		return errors.New(`must be a size without a minus sign, such as 4096, "64KiB" or "1MB"`)
	}
	errSize := errors.New(`must be a size such as 4096, "64KiB" or "1MB"`)
	i := strings.LastIndexAny(text, "0123456789.") + 1
	unit, ok := map[string]float64{
		"": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
	}[strings.ToLower(strings.TrimSpace(text[i:]))]
	v, err := strconv.ParseFloat(strings.TrimSpace(text[:i]), 64)
	if err != nil || !ok || v < 0 || v*unit > math.MaxInt64/2 {
		return errSize
	}
	*s = Size(v * unit)
	return nil
}

// Expanded is the tag of a scalar whose text came from the environment. Its value is never shown.
const Expanded = "!env"

// describeValue quotes a scalar for a message, unless it is long or came from the environment or a secret store.
func describeValue(n *yaml.Node) string {
	if n.Tag == Expanded || n.Tag == FromStore || len(n.Value) > 40 {
		return ""
	}
	return fmt.Sprintf(", not %q", n.Value)
}

// bareVariable matches what other programs treat as an environment variable: $NAME alone or in a URL. Lower case letters are
// more likely part of a password.
var bareVariable = regexp.MustCompile(`^\$([A-Z_][A-Z0-9_]*)$|://.*\$([A-Z_][A-Z0-9_]+)`)

// IsBareVariable reports whether a text looks like an environment variable but is not written as one.
func IsBareVariable(text string) bool { return bareVariable.MatchString(text) }

// variableHint returns how a variable is written, for the end of a message that shows the value.
func variableHint(n *yaml.Node) string {
	if m := bareVariable.FindStringSubmatch(n.Value); m != nil && describeValue(n) != "" {
		return fmt.Sprintf("; an environment variable is written ${%s}", m[1]+m[2])
	}
	return ""
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		return true, nil
	case "false", "no", "off":
		return false, nil
	}
	return false, errors.New("must be true or false")
}

func parseInt(text string, bits int) (int64, error) {
	v, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 0, bits)
	if err == nil {
		return v, nil
	}
	if errors.Is(err, strconv.ErrRange) {
		return 0, errors.New("is out of range")
	}
	if f, ferr := strconv.ParseFloat(text, 64); ferr == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f), nil
	}
	return 0, errors.New("must be a whole number")
}

func parseFloat(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, errors.New("must be a number")
	}
	return v, nil
}
