package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The settings of nfpm that we use (https://nfpm.goreleaser.com/docs/configuration/). JSON is YAML, too.
type nfpmConfig struct {
	Name        string         `json:"name"`
	Arch        string         `json:"arch"`
	Platform    string         `json:"platform"`
	Version     string         `json:"version"`
	Section     string         `json:"section"`
	Priority    string         `json:"priority"`
	Maintainer  string         `json:"maintainer"`
	Description string         `json:"description"`
	Homepage    string         `json:"homepage"`
	License     string         `json:"license"`
	ModTime     string         `json:"mtime"`
	Contents    []nfpmContent  `json:"contents"`
	Scripts     nfpmScripts    `json:"scripts"`
	RPM         nfpmRPM        `json:"rpm"`
	Deb         nfpmDeb        `json:"deb"`
	APK         map[string]any `json:"apk"`
}

type nfpmContent struct {
	Source   string       `json:"src,omitempty"`
	Path     string       `json:"dst"`
	Type     string       `json:"type,omitempty"`
	Packager string       `json:"packager,omitempty"` // "": every packager
	Info     nfpmFileInfo `json:"file_info"`
}

type nfpmFileInfo struct {
	Mode    int    `json:"mode,omitempty"`
	ModTime string `json:"mtime"`
}

type nfpmScripts struct {
	PreRemove   string `json:"preremove"`
	PostInstall string `json:"postinstall"`
	PostRemove  string `json:"postremove"`
}

type nfpmRPM struct {
	Compression string `json:"compression"`
	BuildHost   string `json:"buildhost"`
	Summary     string `json:"summary"`
}

type nfpmDeb struct {
	Compression string `json:"compression"`
}

// writePackages writes the packages of a target for Debian, Red Hat, SUSE and Alpine, and their relatives.
func (r *release) writePackages(t target, binary, docs, work string) error {
	config, err := json.MarshalIndent(r.describePackages(t, binary, docs, work), "", "  ")
	if err != nil {
		return err
	}
	if err := compressDocuments(docs, work); err != nil {
		return err
	}
	file := filepath.Join(work, "nfpm.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return err
	}
	for _, packager := range []string{"deb", "rpm", "apk"} {
		cmd := exec.Command(r.nfpm, "package", "--config", file, "--packager", packager, "--target", r.fileName(t, "."+packager))
		cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.date.Unix()))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("nfpm %s: %w\n%s", packager, err, out)
		}
	}
	return nil
}

func (r *release) describePackages(t target, binary, docs, work string) nfpmConfig {
	date := r.date.Format(time.RFC3339)
	var contents []nfpmContent
	add := func(c nfpmContent, mode int) {
		c.Info = nfpmFileInfo{mode, date}
		contents = append(contents, c)
	}
	doc := func(name string) string { return filepath.Join(docs, name) }
	add(nfpmContent{Source: binary, Path: "/usr/bin/rtcollector"}, 0o755)
	add(nfpmContent{Source: doc("config.yaml"), Path: "/etc/rtcollector/config.yaml", Type: "config|noreplace"}, 0o640)
	add(nfpmContent{Source: filepath.Join(work, "rtcollector.1.gz"), Path: "/usr/share/man/man1/rtcollector.1.gz"}, 0o644)
	add(nfpmContent{Source: doc("rtcollector.bash"), Path: "/usr/share/bash-completion/completions/rtcollector"}, 0o644)
	add(nfpmContent{Source: doc("rtcollector.fish"), Path: "/usr/share/fish/vendor_completions.d/rtcollector.fish"}, 0o644)
	for _, packager := range []string{"deb", "rpm"} {
		zsh := map[string]string{"deb": "vendor-completions", "rpm": "site-functions"}[packager]
		add(nfpmContent{Source: doc("rtcollector.zsh"), Path: "/usr/share/zsh/" + zsh + "/_rtcollector", Packager: packager}, 0o644)
		add(nfpmContent{Source: doc("service.systemd"), Path: "/usr/lib/systemd/system/rtcollector.service", Packager: packager}, 0o644)
	}
	add(nfpmContent{Source: doc("rtcollector.zsh"), Path: "/usr/share/zsh/site-functions/_rtcollector", Packager: "apk"}, 0o644)
	add(nfpmContent{Source: doc("service.openrc"), Path: "/etc/init.d/rtcollector", Packager: "apk"}, 0o755)
	add(nfpmContent{Source: "config.example.yaml", Path: "/usr/share/doc/rtcollector/config.example.yaml"}, 0o644)
	for _, file := range dropIns() {
		add(nfpmContent{Source: file, Path: "/usr/share/doc/rtcollector/" + file}, 0o644)
	}
	add(nfpmContent{Source: "README.md", Path: "/usr/share/doc/rtcollector/README.md"}, 0o644)
	add(nfpmContent{Source: filepath.Join(work, "CHANGELOG.md.gz"), Path: "/usr/share/doc/rtcollector/CHANGELOG.md.gz"}, 0o644)
	add(nfpmContent{Source: doc(thirdParty), Path: "/usr/share/doc/rtcollector/" + thirdParty}, 0o644)
	add(nfpmContent{Source: "LICENSE", Path: "/usr/share/doc/rtcollector/copyright"}, 0o644)
	scripts := "internal/tools/release/scripts/"
	return nfpmConfig{
		Name: "rtcollector", Arch: packageArch(t), Platform: "linux", Version: r.version, Section: "admin", Priority: "optional",
		Maintainer:  "rtcollector <rtcollector@users.noreply.github.com>",
		Description: "Metrics agent for RedisTimeSeries\nCollects metrics and log lines of this host and writes them to Redis, and shows\nwhat is there: a dashboard, a terminal view, PromQL.",
		Homepage:    "https://github.com/rtcollector/rtcollector", License: "Apache-2.0", ModTime: date, Contents: contents,
		Scripts: nfpmScripts{scripts + "preremove.sh", scripts + "postinstall.sh", scripts + "postremove.sh"},
		RPM:     nfpmRPM{Compression: "gzip:9", BuildHost: "release", Summary: "Metrics agent for RedisTimeSeries"},
		Deb:     nfpmDeb{Compression: "gzip"},
		APK:     map[string]any{"scripts": map[string]string{"postupgrade": scripts + "postinstall.sh"}},
	}
}

// packageArch returns nfpm's name of a processor, which it translates to that of each packager.
func packageArch(t target) string { return strings.Replace(t.arch, "armv", "arm", 1) }

// compressDocuments compresses what distributions compress.
func compressDocuments(docs, work string) error {
	for to, from := range map[string]string{"rtcollector.1.gz": filepath.Join(docs, "rtcollector.1"), "CHANGELOG.md.gz": "CHANGELOG.md"} {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err == nil {
			_, err = w.Write(data)
		}
		if err == nil {
			err = w.Close()
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(work, to), b.Bytes(), 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
