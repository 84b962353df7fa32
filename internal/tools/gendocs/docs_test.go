package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/all"
)

func TestInputsAreFresh(t *testing.T) {
	const root = "../../.." // as seen from here
	want, err := inputs(root, all.Catalog())
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(filepath.Join(root, "docs", "inputs.md"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(have)); diff != "" {
		t.Errorf("docs/inputs.md is stale, run: go generate ./plugins/all\n%s", diff)
	}
	for _, expected := range []string{
		"| [`linux_net`](#linux_net) | `net` | linux | traffic,", "[README](../plugins/selfstats/README.md)",
		"\n| `net_rx_bytes` and its `_rate` | `iface` | bytes | counter | received | |\n",
	} {
		if !strings.Contains(string(want), expected) {
			t.Errorf("no %q", expected)
		}
	}
}

func TestFolderWithoutTitle(t *testing.T) {
	first := all.Catalog()[0].Name()
	if _, err := inputs(t.TempDir(), all.Catalog()); err == nil || !strings.Contains(err.Error(), `title "# `+first+`"`) {
		t.Error(err)
	}
}
