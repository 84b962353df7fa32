package all

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every metric that docs/migrating.md names for the user of another exporter exists.
func TestMigratingNamesMetricsThatExist(t *testing.T) {
	guide, err := os.ReadFile("../../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := os.ReadFile("../../docs/inputs.md")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("`([a-z]+_[a-z0-9_]+)`")
	found := 0
	_, herakles, _ := strings.Cut(string(guide), "## From herakles-node-exporter")
	metrics, _, _ := strings.Cut(herakles, "### Settings")
	for line := range strings.Lines(metrics) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for _, m := range name.FindAllStringSubmatch(cells[2], -1) {
			found++
			if !strings.Contains(string(inputs), "`"+m[1]+"`") && !strings.Contains(string(inputs), "`"+strings.TrimSuffix(m[1], "_rate")+"`") {
				t.Errorf("%s is not in docs/inputs.md", m[1])
			}
		}
	}
	if found < 50 {
		t.Errorf("%d metrics were found", found)
	}
}
