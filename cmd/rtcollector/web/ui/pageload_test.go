package ui_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/ui"
)

// maxWeight is what all files of the dashboard together may have, in bytes, compressed.
const maxWeight = 250_000

func TestWeight(t *testing.T) {
	total := 0
	err := fs.WalkDir(ui.Files(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(ui.Files(), path)
		if err != nil {
			return err
		}
		var size counter
		w := gzip.NewWriter(&size)
		_, _ = w.Write(text)
		_ = w.Close()
		total += int(size)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, compressed", total)
	if total > maxWeight {
		t.Errorf("the dashboard has %d bytes, compressed; at most %d are allowed", total, maxWeight)
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// TestThirdParty checks that the copied files are those of third_party.sha256, and of the versions in package-lock.json.
func TestThirdParty(t *testing.T) {
	const advice = `run "make vendor-web" and commit the result`
	list := readFile(t, "third_party.sha256")
	listed := map[string]bool{}
	for line := range strings.Lines(list) {
		sum, path, _ := strings.Cut(strings.TrimSpace(line), "  ")
		listed[path] = true
		if got := sha256.Sum256([]byte(readFile(t, path))); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s is not what its sum says: %s", path, advice)
		}
	}
	for _, pattern := range []string{"static/third_party/*/*", "testdata/axe-core/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if !listed[filepath.ToSlash(path)] {
				t.Errorf("%s is not in third_party.sha256: %s", path, advice)
			}
		}
	}
	for module, version := range lockedVersions(t) {
		file := map[string]string{"uplot": "static/third_party/uplot/uPlot.esm.js", "axe-core": "testdata/axe-core/axe.min.js"}[module]
		if banner := readFile(t, file)[:300]; !strings.Contains(banner, "v"+version) {
			t.Errorf("%s is not version %s of package-lock.json: %s", file, version, advice)
		}
	}
}

// lockedVersions returns the versions of package-lock.json, which package.json must name exactly.
func lockedVersions(t *testing.T) map[string]string {
	t.Helper()
	var lock struct {
		Packages map[string]struct{ Version, Resolved, Integrity string }
	}
	var wanted struct{ Dependencies, DevDependencies map[string]string }
	for path, into := range map[string]any{"package-lock.json": &lock, "package.json": &wanted} {
		if err := json.Unmarshal([]byte(readFile(t, path)), into); err != nil {
			t.Fatal(err)
		}
	}
	versions := map[string]string{}
	for _, list := range []map[string]string{wanted.Dependencies, wanted.DevDependencies} {
		for module, version := range list {
			locked := lock.Packages["node_modules/"+module]
			versions[module] = locked.Version
			if locked.Version != version || !strings.HasPrefix(locked.Integrity, "sha512-") {
				t.Errorf("package.json wants %s %s, package-lock.json has %q with the sum %q", module, version, locked.Version, locked.Integrity)
			}
			if locked.Resolved != "" && !strings.HasPrefix(locked.Resolved, "https://registry.npmjs.org/") {
				t.Errorf("package-lock.json takes %s from %s, not from the npm registry", module, locked.Resolved)
			}
		}
	}
	return versions
}

// TestNoSinks finds ways to make HTML or code of texts, of which the dashboard has none.
func TestNoSinks(t *testing.T) {
	sink := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|DOMParser|srcdoc|setTimeout\(["'` + "`" + `]`)
	err := filepath.WalkDir("static", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "third_party") {
			return err
		}
		text, err := os.ReadFile(path)
		if found := sink.FindString(string(text)); found != "" {
			t.Errorf("%s uses %s", path, found)
		}
		if strings.HasSuffix(path, ".html") && regexp.MustCompile(`\sstyle=|\son[a-z]+=|<script(?:>|[^>]*>[^<])`).Match(text) {
			t.Errorf("%s has an inline style or script", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestColours checks the contrast of texts and lines, and that people who see colours differently can tell the six series colours apart.
func TestColours(t *testing.T) {
	light, dark := map[string]color{}, map[string]color{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`).FindAllStringSubmatch(readFile(t, "static/css/base.css"), -1) {
		light[m[1]], dark[m[1]] = parseColor(t, m[2]), parseColor(t, m[3])
	}
	for name, theme := range map[string]map[string]color{"light": light, "dark": dark} {
		for _, text := range []string{"text", "dim", "accent", "good", "warn", "bad"} {
			for _, on := range []string{"bg", "panel", "raised"} {
				if text == "accent" && on == "raised" {
					continue // no links there
				}
				if c := contrast(theme[text], theme[on]); c < 4.5 {
					t.Errorf("%s: %s on %s has a contrast of %.2f, want 4.5", name, text, on, c)
				}
			}
		}
		for i := 1; i <= 6; i++ {
			a := theme["series-"+strconv.Itoa(i)]
			if c := contrast(a, theme["panel"]); c < 3 {
				t.Errorf("%s: series %d has a contrast of %.2f, want 3", name, i, c)
			}
			for j := i + 1; j <= 6; j++ {
				for sight, matrix := range sights {
					if d := distance(matrix.see(a), matrix.see(theme["series-"+strconv.Itoa(j)])); d < 0.1 {
						t.Errorf("%s: with %s the series colours %d and %d differ by %.3f, want 0.1", name, sight, i, j, d)
					}
				}
			}
		}
	}
}

// color is linear RGB.
type color [3]float64

func parseColor(t *testing.T, text string) (c color) {
	t.Helper()
	for i := range c {
		n, err := strconv.ParseUint(text[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		if v := float64(n) / 255; v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

// contrast is that of WCAG 2.
func contrast(a, b color) float64 {
	luminance := func(c color) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

type matrix [3][3]float64

func (m matrix) see(c color) (seen color) {
	for i := range seen {
		seen[i] = min(1, max(0, m[i][0]*c[0]+m[i][1]*c[1]+m[i][2]*c[2]))
	}
	return seen
}

// sights are the matrices of Machado, Oliveira and Fernandes (2009) for complete deficiencies.
var sights = map[string]matrix{
	"normal sight": {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

// distance is that of the colour space OKLab: 0.02 is just visible.
func distance(a, b color) float64 {
	lab := func(c color) [3]float64 {
		l := math.Cbrt(0.4122214708*c[0] + 0.5363325363*c[1] + 0.0514459929*c[2])
		m := math.Cbrt(0.2119034982*c[0] + 0.6806995451*c[1] + 0.1073969566*c[2])
		s := math.Cbrt(0.0883024619*c[0] + 0.2817188376*c[1] + 0.6299787005*c[2])
		return [3]float64{0.2104542553*l + 0.7936177850*m - 0.0040720468*s, 1.9779984951*l - 2.4285922050*m + 0.4505937099*s, 0.0259040371*l + 0.7827717662*m - 0.8086757660*s}
	}
	x, y := lab(a), lab(b)
	return math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2]))
}
