package main

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestDropIns: the unit and docs/operating.md refer to drop-ins, which those who have no checkout need, too.
func TestDropIns(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", ".."))
	const file = "examples/systemd/rtcollector.service.d/docker.conf"
	linux := target{os: "linux", arch: "amd64"}
	if !slices.ContainsFunc(members(linux, "rtcollector", "docs"), func(m member) bool { return m.name == file }) {
		t.Error("the archive has no drop-ins")
	}
	r := &release{}
	if !slices.ContainsFunc(r.describePackages(linux, "rtcollector", "docs", "work").Contents, func(c nfpmContent) bool { return c.Path == "/usr/share/doc/rtcollector/"+file }) {
		t.Error("the packages have no drop-ins")
	}
}
