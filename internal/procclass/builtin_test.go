package procclass

import "testing"

// TestBuiltin: the table that is built in is valid, and as large as it should be.
func TestBuiltin(t *testing.T) {
	rules, err := parseTable(builtinSource, builtinTable)
	if err != nil {
		t.Fatal(err)
	}
	groups, subgroups := map[string]bool{}, map[Class]bool{}
	for i := range rules {
		groups[rules[i].Group] = true
		subgroups[rules[i].Class] = true
	}
	if len(groups) < 17 || len(subgroups) < 140 {
		t.Errorf("%d groups and %d subgroups", len(groups), len(subgroups))
	}
	t.Logf("%d entries, %d groups, %d subgroups", len(rules), len(groups), len(subgroups))
}
