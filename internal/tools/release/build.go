package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// versionPattern is a version as semver.org defines it, with v.
var versionPattern = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// describeCommit sets the commit, its date and, unless it is given, the version: the tag, or v0.0.0-dev with date and commit.
func (r *release) describeCommit() error {
	line, err := output("git", "log", "-1", "--format=%H %ct")
	if err != nil {
		return err
	}
	commit, seconds, _ := strings.Cut(line, " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return err
	}
	if text := os.Getenv("SOURCE_DATE_EPOCH"); text != "" { // reproducible-builds.org
		if unix, err = strconv.ParseInt(text, 10, 64); err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
	}
	r.commit, r.date = commit, time.Unix(unix, 0).UTC()
	if r.version == "" {
		if r.version, err = output("git", "describe", "--tags", "--exact-match"); err != nil {
			r.version = fmt.Sprintf("v0.0.0-dev.%s.g%s", r.date.Format("20060102150405"), commit[:8])
		}
	}
	if !versionPattern.MatchString(r.version) {
		return fmt.Errorf("version %q is not such as v1.2.3 or v1.2.3-rc.1", r.version)
	}
	return nil
}

// compile builds the program and returns its path. Nothing of this machine gets into it: no paths, no state of git.
func (r *release) compile(t target, work string) (string, error) {
	binary := filepath.Join(work, t.os+"_"+t.arch, "rtcollector")
	if t.os == "windows" {
		binary += ".exe"
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version="+r.version, "-o", binary, "./cmd/rtcollector")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS="+t.os)
	if arm, ok := strings.CutPrefix(t.arch, "armv"); ok {
		cmd.Env = append(cmd.Env, "GOARCH=arm", "GOARM="+arm)
	} else {
		cmd.Env = append(cmd.Env, "GOARCH="+t.arch)
	}
	cmd.Stderr = os.Stderr
	return binary, cmd.Run()
}

// output runs a command and returns its output without the line break at its end.
func output(args ...string) (string, error) {
	out, err := exec.Command(args[0], args[1:]...).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}
