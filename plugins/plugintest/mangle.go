package plugintest

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins"
)

// mangledVersions is the number of damaged versions of a tree.
const mangledVersions = 60

// checkMangled gathers from damaged files: truncated, with additional or missing columns, with invalid or too large numbers. Errors are
// allowed, panics and impossible values are not.
func checkMangled(t *testing.T, def plugins.Definition, c Case) {
	if c.Root == "" {
		return
	}
	random := rand.New(rand.NewPCG(1, uint64(len(c.Name))))
	p, dir := c.startProbe(t, def)
	intact := readTree(t, dir)
	for round := range mangledVersions {
		for name, content := range intact {
			writeFile(t, filepath.Join(dir, name), content)
		}
		c.advance(t, p, dir, round)
		mangleTree(t, random, dir)
		b, _ := p.Batch(float64(10 * round))
		checkPossible(t, b)
	}
}

// readTree returns the files below dir by their relative paths.
func readTree(t *testing.T, dir string) map[string][]byte {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrPermission) {
			return nil // the case is about unreadable files
		}
		files[name] = content
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// mangleTree damages one or several files.
func mangleTree(t *testing.T, random *rand.Rand, dir string) {
	files := readTree(t, dir)
	names := slices.Sorted(maps.Keys(files))
	for range 1 + random.IntN(3) {
		name := names[random.IntN(len(names))]
		writeFile(t, filepath.Join(dir, name), mangleFile(random, files[name]))
	}
}

func mangleFile(random *rand.Rand, data []byte) []byte {
	if len(data) == 0 || random.IntN(4) == 0 {
		return data[:random.IntN(len(data)+1)]
	}
	lines := bytes.SplitAfter(bytes.Clone(data), []byte("\n"))
	for range 1 + random.IntN(3) {
		i := random.IntN(len(lines))
		lines[i] = append(mangleLine(random, bytes.TrimSuffix(lines[i], []byte("\n"))), '\n')
	}
	return bytes.Join(lines, nil)
}

func mangleLine(random *rand.Rand, line []byte) []byte {
	fields := strings.Split(string(line), " ")
	i := random.IntN(len(fields))
	odd := []string{"", "-1", "x", "18446744073709551615", "18446744073709551616", "99999999999999999999999999", "1e300", "NaN", "0x7f", "(", ")", "\x00", "\xff", "[a b]", ":"}
	switch random.IntN(5) {
	case 0: // a column less
		fields = append(fields[:i:i], fields[i+1:]...)
	case 1: // a column more
		fields = append(fields[:i:i], append([]string{"7"}, fields[i:]...)...)
	case 2: // thousands more
		fields = append(fields, strings.Split(strings.Repeat("3 ", 10_000), " ")...)
	case 3: // less of it
		return line[:random.IntN(len(line)+1)]
	default:
		fields[i] = odd[random.IntN(len(odd))]
	}
	return []byte(strings.Join(fields, " "))
}
