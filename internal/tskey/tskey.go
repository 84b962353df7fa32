// Package tskey makes the keys and labels of series in RedisTimeSeries. Every output that writes or prints series uses it.
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

// LivenessMetric is the metric of the series under [Naming.Liveness].
const LivenessMetric = "rtcollector_up"

// Format decides where a key contains the host.
type Format string

// The formats.
const (
	Host   Format = "host"   // atila:net_rx_bytes_eth0
	Bare   Format = "bare"   // net_rx_bytes_eth0, as the predecessor named them
	Tagged Format = "tagged" // {atila}:net_rx_bytes_eth0: keeps the series of a host on one shard of a cluster
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

// Key returns the key of a series. Two series can have the same key; see [Alternative].
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

// Liveness returns the key whose samples show that the agent of a host writes. With the format tagged, it is on the shard of the host's
// series.
func (n Naming) Liveness(host string) string {
	if n.Format == Tagged {
		host = "{" + host + "}"
	}
	return n.Prefix + "rtcollector:hosts:" + host
}

// Agent returns the key that holds, as text, which agent writes the series of a host. It is on the shard of [Naming.Liveness].
func (n Naming) Agent(host string) string {
	if n.Format == Tagged {
		host = "{" + host + "}"
	}
	return n.Prefix + "rtcollector:agent:" + host
}

// LivenessLabels returns the labels of [Naming.Liveness].
func LivenessLabels(host string) []telemetry.Label {
	return []telemetry.Label{{Key: NameLabel, Value: LivenessMetric}, {Key: "type", Value: "host"}, {Key: "host", Value: Clean(host)}}
}

// Alternative returns the key of a series whose own key belongs to another series. It only depends on that key and the identity, so it
// is the same after every restart.
func Alternative(key string, identity []telemetry.Label) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(Canonical(identity)))
	return fmt.Sprintf("%s~%08x", key, h.Sum32())
}

// Clean makes a label value acceptable to Redis. It replaces '(', ')' and ',', which Redis refuses (RedisTimeSeries,
// parseLabelsFromArgs), and removes white space around the value.
func Clean(v string) string {
	v = strings.Map(func(r rune) rune {
		if r == '(' || r == ')' || r == ',' {
			return '_'
		}
		return r
	}, v)
	return strings.TrimSpace(v)
}

// Labels returns the labels of a series as they are written: the metric first, with cleaned values, without empty ones.
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

// Identity returns the labels that make a series what it is, as they are written: name, host and instance, sorted by key. The other
// labels (source, unit, the user's tags) may change during its life.
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

// Canonical returns a text for a list of labels. Two lists are the same exactly if their texts are.
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
