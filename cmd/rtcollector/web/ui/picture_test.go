package ui_test

import (
	"flag"
	"os"
	"testing"
)

var picture = flag.Bool("picture", false, "TestPicture takes the picture of the README anew")

// maxPicture bounds the picture of the README, in bytes.
const maxPicture = 150_000

// TestPicture takes the picture of a host's page that the README shows: go test -run TestPicture -picture.
func TestPicture(t *testing.T) {
	const path = "../../../../docs/images/host.png"
	if *picture {
		_, s := fleet(t)
		p := openTab(t, s.base, 1360, 760)
		p.open("/host/delta-nas?theme=light")
		p.wait(`document.querySelectorAll(".panel canvas").length >= 9`)
		p.pose()
		taken := p.screenshot("host.png")
		if err := os.WriteFile(path, taken, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxPicture {
		t.Errorf("%s has %d bytes, want at most %d", path, info.Size(), maxPicture)
	}
}

// pose shows the page as people see it: with the usual address of Redis, and without the tools that appear under a pointer, which a
// browser without a mouse always shows.
func (p *tab) pose() {
	p.t.Helper()
	eval[bool](p, `
		document.querySelector(".redis").textContent = "redis.lan:6379 · 8.0.6";
		for (const tools of document.querySelectorAll(".panel-tools")) tools.hidden = true;
		true`)
}
