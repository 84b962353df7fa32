package plugintest

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// misreading replaces the numbers in a file by wrong ones.
type misreading struct {
	name    string
	replace func(number string) string
}

// allMisreadings returns what kernels, drivers and containers report instead of the right number.
func allMisreadings() []misreading {
	var all []misreading
	for _, text := range []string{
		"0", "-1", "65535", "4294967295", "18446744073709551615", "18446744073709551488", "9223372036854775808",
		"99999999999999999999999999", "3892313987", "1", "x", "",
	} {
		all = append(all, misreading{"as " + strconv.Quote(text), func(string) string { return text }})
	}
	scaled := func(num, den uint64) func(string) string {
		return func(number string) string {
			n, err := strconv.ParseUint(number, 10, 64)
			if err != nil {
				return number
			}
			return strconv.FormatUint(n/den*num, 10)
		}
	}
	return append(all,
		misreading{"halved", scaled(1, 2)},
		misreading{"times 1000", scaled(1000, 1)},
		misreading{"a little less", func(number string) string {
			n, err := strconv.ParseUint(number, 10, 64)
			if err != nil || n == 0 {
				return number
			}
			return strconv.FormatUint(n-1-n/1000, 10)
		}})
}

// numbers matches decimal numbers and hexadecimal numbers of eight digits.
var numbers = regexp.MustCompile(`\b([0-9]+|[0-9a-f]{8})\b`)

// shares has the shares of numbers that are changed at once: one in 1, 3 or 40.
var shares = [...]int{1, 3, 40}

// checkImpossible changes numbers in the tree or the recorded host of a case: see [disturb].
func checkImpossible(t *testing.T, def plugins.Definition, c Case) {
	if c.Root+c.Host == "" {
		return
	}
	p, dir := c.startProbe(t, def)
	if p.player != nil {
		checkDisturbed(t, p, map[string][]byte{c.Host: readHost(t, c.Host)}, func(_ string, recording []byte) { p.player.Play(recording) })
		return
	}
	checkDisturbed(t, p, readTree(t, dir), func(name string, content []byte) { writeFile(t, filepath.Join(dir, name), content) })
}

// ImpossibleReplies changes numbers in the answers of a service, as the conformance test does with the kernel's files. Pages are
// the answers by name; set replaces one of them.
func ImpossibleReplies(t *testing.T, def plugins.Definition, config string, pages map[string]string, set func(name, page string)) {
	t.Helper()
	intact := map[string][]byte{}
	for name, page := range pages {
		intact[name] = []byte(page)
	}
	checkDisturbed(t, Start(t, def, config, Env(def.Name(), "")), intact, func(name string, page []byte) { set(name, string(page)) })
}

// checkDisturbed changes numbers in what an input reads for one gather, and restores them. The input must not gather impossible values
// meanwhile. After the restoration all counters are where they would be anyway, and no rate may differ from that.
func checkDisturbed(t *testing.T, p *Probe, intact map[string][]byte, set func(name string, content []byte)) {
	random := rand.New(rand.NewPCG(2, uint64(len(intact))))
	second, samples := 0.0, 0
	gather := func() *telemetry.Batch {
		second += 10
		b, _ := p.Batch(second)
		samples = max(samples, b.Len())
		return b
	}
	gather()
	usual := collectRates(gather())
	for _, r := range allMisreadings() {
		for _, share := range shares {
			what := &prefixReporter{t, "numbers " + r.name + ", one of " + strconv.Itoa(share) + ": "}
			gather()
			changed := r.changeNumbers(random, intact, share)
			for name, content := range changed {
				set(name, content)
			}
			checkPossible(what, gather())
			for name := range changed {
				set(name, intact[name])
			}
			after := gather()
			checkPossible(what, after)
			checkRates(what, after, usual)
		}
	}
	t.Logf("%d samples in a gather", samples)
}

// changeNumbers returns the files whose numbers it changed.
func (r misreading) changeNumbers(random *rand.Rand, tree map[string][]byte, share int) map[string][]byte {
	changed := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		content := numbers.ReplaceAllFunc(tree[name], func(number []byte) []byte {
			switch {
			case random.IntN(share) > 0:
				return number
			case bytes.ContainsAny(number, "abcdef") && len(number) == 8:
				return []byte("ffffffff")
			}
			return []byte(r.replace(string(number)))
		})
		if !bytes.Equal(content, tree[name]) {
			changed[name] = content
		}
	}
	return changed
}

// collectRates returns the rates of a batch. They are 0 for most trees, which do not change.
func collectRates(b *telemetry.Batch) map[string]float64 {
	all := map[string]float64{}
	for i := range b.Len() {
		if s, _, v := b.Sample(i); strings.HasSuffix(s.Name(), "_rate") {
			all[s.String()] = v
		}
	}
	return all
}

// checkRates checks that no rate exceeds the usual one, except by what the counter moved in the gather before.
func checkRates(t reporter, b *telemetry.Batch, usual map[string]float64) {
	for id, v := range collectRates(b) {
		if v > 3*usual[id] {
			t.Errorf("%s is %v, but its counter only had a wrong value once", id, v)
		}
	}
}

// prefixReporter prefixes each error with what was changed.
type prefixReporter struct {
	*testing.T
	what string
}

func (p *prefixReporter) Errorf(format string, args ...any) {
	p.Helper()
	p.T.Errorf("%s"+format, append([]any{p.what}, args...)...)
}
