package main

import (
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
)

// TestManual: every command is on the page, and groff has no complaint about it.
func TestManual(t *testing.T) {
	root := cli.Commands(app("v1.2.3", io.Discard))
	page := manual(root, "v1.2.3", "2026-01-02")
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			heading := ".SS " + escapeRoff(strings.TrimPrefix(sub.CommandPath(), "rtcollector "))
			if !sub.Hidden && sub.Name() != "help" && !bytes.Contains(page, []byte(heading)) {
				t.Errorf("%s is not on the page", sub.CommandPath())
			}
			visit(sub)
		}
	}
	visit(root)
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("no groff here: install Debian's groff-base")
	}
	cmd := exec.Command("groff", "-Kutf8", "-man", "-Tutf8", "-ww", "-z")
	cmd.Stdin = bytes.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]bool{"v1.2.3": true, "v1.2.3-rc.1": true, "1.2.3": false, "v1.2": false, "v1.2.3;rm": false, "": false} {
		if versionPattern.MatchString(version) != want {
			t.Error(version)
		}
	}
}

func TestEscapeRoff(t *testing.T) {
	for text, want := range map[string]string{"--a-b": `\-\-a\-b`, ".hidden": `\&.hidden`, `a\b`: `a\eb`, "'quote": `\&'quote`} {
		if got := escapeRoff(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}
