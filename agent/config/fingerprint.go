package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// settingsHash returns a text that is the same for two configurations of a component exactly if the component would be built
// the same. Comments, layout and anchors do not matter. Values of secret stores that were resolved at load do; the text is a
// hash, because they must not be shown.
func settingsHash(settings *yaml.Node, inherited string) string {
	h := sha256.New()
	_, _ = h.Write([]byte(inherited))
	hashNode(h, settings, 0)
	return hex.EncodeToString(h.Sum(nil))
}

// hashNode adds what a node says. Anchors can make a node contain itself, so very deep parts are left out.
func hashNode(h hash.Hash, n *yaml.Node, depth int) {
	n = conf.Resolve(n)
	if conf.IsNull(n) || depth > 32 {
		_, _ = h.Write([]byte("null;"))
		return
	}
	fmt.Fprintf(h, "%d %s %d:%s %d;", n.Kind, n.ShortTag(), len(n.Value), n.Value, len(n.Content))
	for _, c := range n.Content {
		hashNode(h, c, depth+1)
	}
}

// inheritedHash returns a text that differs when one of the top-level settings changes that inputs and outputs depend on.
func inheritedHash(r *fileLayout) string {
	s := r.Settings
	h := sha256.New()
	fmt.Fprintf(h, "%v|%q|%q|%v|%v|%s", s.Interval, s.Counters, s.Hostname, s.Tags, s.WhenFull, storesHash(r))
	return hex.EncodeToString(h.Sum(nil))
}

// storesHash returns a text that differs when the settings of a secret store change.
func storesHash(r *fileLayout) string {
	h := sha256.New()
	hashNode(h, &r.SecretStore, 0)
	hashNode(h, &r.SecretStores, 0)
	return hex.EncodeToString(h.Sum(nil))
}
