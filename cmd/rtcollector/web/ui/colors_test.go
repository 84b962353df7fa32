package ui_test

import (
	"math"
	"regexp"
	"strconv"
	"testing"
)

// rgb is a colour in linear light, from 0 to 1.
type rgb [3]float64

// palette returns the colours of a theme: 0 is light, 1 is dark.
func palette(t *testing.T, theme int) map[string]rgb {
	t.Helper()
	colors := map[string]rgb{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`).FindAllStringSubmatch(readFile(t, "static/css/base.css"), -1) {
		n, err := strconv.ParseUint(m[2+theme][1:], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		colors[m[1]] = rgb{linear(n >> 16), linear(n >> 8), linear(n)}
	}
	if len(colors) < 16 {
		t.Fatalf("base.css has %d colours", len(colors))
	}
	return colors
}

// linear returns the light of the lowest byte of an sRGB colour.
func linear(n uint64) float64 {
	v := float64(n&0xff) / 255
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

// contrast is that of WCAG: from 1 to 21.
func contrast(a, b rgb) float64 {
	luminance := func(c rgb) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrast(t *testing.T) {
	t.Parallel()
	for theme, name := range []string{"light", "dark"} {
		colors := palette(t, theme)
		for _, text := range []string{"text", "dim", "accent", "good", "warn", "bad"} {
			for _, ground := range []string{"bg", "panel", "raised"} {
				if got := contrast(colors[text], colors[ground]); got < 4.5 {
					t.Errorf("%s: %s on %s has a contrast of %.2f, want 4.5 (WCAG AA)", name, text, ground, got)
				}
			}
		}
		for i := 1; i <= 6; i++ {
			series := "series-" + strconv.Itoa(i)
			if got := contrast(colors[series], colors["panel"]); got < 3 {
				t.Errorf("%s: %s on a panel has a contrast of %.2f, want 3 (WCAG AA for graphics)", name, series, got)
			}
		}
	}
}

// sights are how people see: matrices on linear light for complete lack of one kind of cones (Machado, Oliveira and Fernandes, 2009).
var sights = map[string][3]rgb{
	"all cones":    {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

// minDistance is how far apart two series colours are at least, in OKLab. Two neighbouring steps of a grey scale of 16 are 0.06 apart.
const minDistance = 0.08

func TestSeriesColorsDifferForEveryone(t *testing.T) {
	t.Parallel()
	for theme, name := range []string{"light", "dark"} {
		colors := palette(t, theme)
		for sight, matrix := range sights {
			for i := 1; i <= 6; i++ {
				for k := i + 1; k <= 6; k++ {
					a, b := seen(matrix, colors["series-"+strconv.Itoa(i)]), seen(matrix, colors["series-"+strconv.Itoa(k)])
					if d := distance(a, b); d < minDistance {
						t.Errorf("%s, %s: the series colours %d and %d are %.3f apart, want %v", name, sight, i, k, d, minDistance)
					}
				}
			}
		}
	}
}

func seen(matrix [3]rgb, c rgb) (out rgb) {
	for i, row := range matrix {
		out[i] = min(1, max(0, row[0]*c[0]+row[1]*c[1]+row[2]*c[2]))
	}
	return out
}

// distance is the Euclidean one in OKLab, where 1 is that of black and white.
func distance(a, b rgb) float64 {
	x, y := oklab(a), oklab(b)
	return math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2]))
}

func oklab(c rgb) rgb {
	l := math.Cbrt(0.4122214708*c[0] + 0.5363325363*c[1] + 0.0514459929*c[2])
	m := math.Cbrt(0.2119034982*c[0] + 0.6806995451*c[1] + 0.1073969566*c[2])
	s := math.Cbrt(0.0883024619*c[0] + 0.2817188376*c[1] + 0.6299787005*c[2])
	return rgb{0.2104542553*l + 0.7936177850*m - 0.0040720468*s, 1.9779984951*l - 2.4285922050*m + 0.4505937099*s, 0.0259040371*l + 0.7827717662*m - 0.8086757660*s}
}
