// Command release builds what a release consists of: archives and packages for every system, completions and a manual page in them, lists of
// their components (SBOM), and SHA256SUMS. The same commit gives the same bytes; -twice proves it.
//
//	go run ./internal/tools/release -nfpm bin/nfpm -version v1.0.0 -out dist
//	go run ./internal/tools/release -nfpm bin/nfpm -targets linux/amd64 -twice
//
// build.go compiles, documents.go makes what comes with the program, archive.go and packages.go pack it, sbom.go lists components.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// allTargets are the systems of a release. arm has the version of the instruction set: Raspberry Pi 1 and Zero are armv6.
const allTargets = "linux/amd64,linux/arm64,linux/armv6,linux/armv7,linux/386,linux/riscv64,linux/ppc64le,darwin/amd64,darwin/arm64," +
	"windows/amd64,windows/arm64,freebsd/amd64"

// target is a system and a processor.
type target struct{ os, arch string }

func (t target) isPackaged() bool { return t.os == "linux" }

// release is what is built.
type release struct {
	version string // with v, as the program prints it
	commit  string
	date    time.Time // of the commit: the time of every file
	out     string
	nfpm    string
}

func main() {
	r := release{}
	var targets string
	var twice bool
	flag.StringVar(&r.version, "version", "", "`version`; default: from git")
	flag.StringVar(&r.out, "out", "dist", "`folder` for the files")
	flag.StringVar(&r.nfpm, "nfpm", "", "nfpm's `program`; without it no packages are made")
	flag.StringVar(&targets, "targets", allTargets, "`list` of system/processor, comma-separated")
	flag.BoolVar(&twice, "twice", false, "build everything a second time and compare")
	flag.Parse()
	if err := r.run(targets, twice); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func (r *release) run(targets string, twice bool) error {
	if err := r.describeCommit(); err != nil {
		return err
	}
	sums, err := r.build(targets)
	if err != nil {
		return err
	}
	fmt.Printf("%s of %s is in %s\n", r.version, r.date.Format(time.RFC3339), r.out)
	if !twice {
		return nil
	}
	again := *r
	again.out = r.out + ".again"
	defer func() { _ = os.RemoveAll(again.out) }()
	sumsAgain, err := again.build(targets)
	if err != nil {
		return err
	}
	if sums != sumsAgain {
		return fmt.Errorf("a second build is different:\n%s\n%s", sums, sumsAgain)
	}
	fmt.Println("a second build is the same")
	return nil
}

// build makes all files anew and returns the content of SHA256SUMS.
func (r *release) build(targets string) (sums string, err error) {
	if err := os.RemoveAll(r.out); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "rtcollector-release-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := errors.Join(os.MkdirAll(r.out, 0o755), r.writeDocuments(filepath.Join(work, "doc"))); err != nil {
		return "", err
	}
	for name := range strings.SplitSeq(targets, ",") {
		system, arch, _ := strings.Cut(name, "/")
		if err := r.buildTarget(target{system, arch}, work); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
	}
	return r.writeSums()
}

// buildTarget makes the files of one target.
func (r *release) buildTarget(t target, work string) error {
	binary, err := r.compile(t, work)
	if err != nil {
		return err
	}
	docs := filepath.Join(work, "doc")
	if err := r.writeArchive(t, binary, docs); err != nil {
		return err
	}
	if err := r.writeSBOM(t, binary); err != nil {
		return err
	}
	if t.isPackaged() && r.nfpm != "" {
		return r.writePackages(t, binary, docs, work)
	}
	return nil
}

// fileName returns the path of a file of the release: rtcollector_1.0.0_linux_amd64.tar.gz.
func (r *release) fileName(t target, ext string) string {
	return filepath.Join(r.out, fmt.Sprintf("rtcollector_%s_%s_%s%s", strings.TrimPrefix(r.version, "v"), t.os, t.arch, ext))
}

// writeSums writes SHA256SUMS, for sha256sum -c.
func (r *release) writeSums() (string, error) {
	files, err := os.ReadDir(r.out)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(r.out, f.Name()))
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256(data)
		lines = append(lines, hex.EncodeToString(sum[:])+"  "+f.Name()+"\n")
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[2*sha256.Size:], b[2*sha256.Size:]) })
	sums := strings.Join(lines, "")
	return sums, os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(sums), 0o644)
}
