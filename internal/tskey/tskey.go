// Package tskey decides how a series is called in RedisTimeSeries: its key, and its labels as Redis accepts them.
// Every output that writes or prints series has both from here.
package tskey

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// NameLabel is the label that holds the metric without its instance.
const NameLabel = "__name__"

// Format says where the host stands in a key.
type Format string

// The formats.
const (
	Host   Format = "host"   // atila:net_rx_bytes_eth0
	Bare   Format = "bare"   // net_rx_bytes_eth0, as the predecessor named them
	Tagged Format = "tagged" // {atila}:net_rx_bytes_eth0: a cluster keeps a host's series on one shard
)

// UnmarshalScalar implements conf.Scalar.
func (f *Format) UnmarshalScalar(text string) error {
	switch v := Format(text); v {
	case Host, Bare, Tagged:
		*f = v
		return nil
	}
	return fmt.Errorf("must be %s, %s or %s", Host, Bare, Tagged)
}

// Naming makes keys.
type Naming struct {
	Format Format
	Prefix string
}

// Key is the key of a series. Two series can have the same one; see [Alternative].
func (n Naming) Key(s *telemetry.Series) string {
	switch n.Format {
	case Bare:
		return n.Prefix + s.BareKey()
	case Tagged:
		return n.Prefix + "{" + s.Host() + "}:" + s.BareKey()
	default:
		return n.Prefix + s.Host() + ":" + s.BareKey()
	}
}

// Liveness is the key whose samples say that a host's agent writes. Tagged, it stands where the host's series are.
func (n Naming) Liveness(host string) string {
	if n.Format == Tagged {
		host = "{" + host + "}"
	}
	return n.Prefix + "rtcollector:hosts:" + host
}

// Agent is the key that says which agent writes a host's series. It is next to [Naming.Liveness] and holds text.
func (n Naming) Agent(host string) string {
	if n.Format == Tagged {
		host = "{" + host + "}"
	}
	return n.Prefix + "rtcollector:agent:" + host
}

// LivenessLabels are the labels of that key.
func LivenessLabels(host string) []telemetry.Label {
	return []telemetry.Label{{Key: "type", Value: "host"}, {Key: "host", Value: Clean(host)}}
}

// Alternative is the key of a series whose own key belongs to another: it depends on nothing but the key and the
// identity, so that every agent and every restart finds the same.
func Alternative(key string, identity []telemetry.Label) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(Canonical(identity)))
	return fmt.Sprintf("%s~%08x", key, h.Sum32())
}

// Clean makes a label value acceptable to Redis, which refuses '(', ')' and ',' (RedisTimeSeries, parseLabelsFromArgs).
func Clean(v string) string {
	v = strings.Map(func(r rune) rune {
		if r == '(' || r == ')' || r == ',' {
			return '_'
		}
		return r
	}, v)
	return strings.TrimSpace(v)
}

// Labels are the labels of a series as they are written: its name first, values made acceptable, empty ones left out.
func Labels(s *telemetry.Series) []telemetry.Label {
	out := make([]telemetry.Label, 0, len(s.Labels())+1)
	out = append(out, telemetry.Label{Key: NameLabel, Value: Clean(s.Name())})
	for _, l := range s.Labels() {
		if v := Clean(l.Value); v != "" && l.Key != "" && l.Key != NameLabel {
			out = append(out, telemetry.Label{Key: l.Key, Value: v})
		}
	}
	return out
}

// Identity are the labels, as they are written, that make a series what it is: name, host and instance, sorted. The
// others (source, unit, the user's tags) may change during its life.
func Identity(s *telemetry.Series) []telemetry.Label {
	out := []telemetry.Label{{Key: NameLabel, Value: Clean(s.Name())}}
	if !slices.ContainsFunc(s.Instance(), func(l telemetry.Label) bool { return l.Key == "host" }) {
		out = append(out, telemetry.Label{Key: "host", Value: Clean(s.Host())})
	}
	for _, l := range s.Instance() {
		if v := Clean(l.Value); v != "" && l.Key != "" {
			out = append(out, telemetry.Label{Key: l.Key, Value: v})
		}
	}
	slices.SortFunc(out, func(a, b telemetry.Label) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// Canonical writes labels so that two sets, sorted alike, are the same exactly if the texts are.
func Canonical(labels []telemetry.Label) string {
	var b strings.Builder
	for _, l := range labels {
		b.WriteString(l.Key)
		b.WriteByte(0)
		b.WriteString(l.Value)
		b.WriteByte(1)
	}
	return b.String()
}
