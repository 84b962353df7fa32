package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// member is a file of an archive.
type member struct {
	name string // below the archive's folder
	from string
	mode fs.FileMode
}

// members returns the files of an archive, in a fixed order.
func members(t target, binary, docs string) []member {
	all := []member{
		{filepath.Base(binary), binary, 0o755},
		{"LICENSE", "LICENSE", 0o644},
		{thirdParty, filepath.Join(docs, thirdParty), 0o644},
		{"README.md", "README.md", 0o644},
		{"CHANGELOG.md", "CHANGELOG.md", 0o644},
		{"config.example.yaml", "config.example.yaml", 0o644},
	}
	if t.os == "windows" {
		return append(all, member{"completions/rtcollector.ps1", filepath.Join(docs, "rtcollector.ps1"), 0o644})
	}
	if t.os == "linux" {
		for _, file := range dropIns() {
			all = append(all, member{file, file, 0o644})
		}
	}
	all = append(all, member{"man/rtcollector.1", filepath.Join(docs, "rtcollector.1"), 0o644})
	for _, shell := range []string{"bash", "fish", "zsh"} {
		all = append(all, member{"completions/rtcollector." + shell, filepath.Join(docs, "rtcollector."+shell), 0o644})
	}
	return all
}

// dropIns returns the examples of drop-ins for the unit of systemd, in a fixed order.
func dropIns() []string {
	files, err := filepath.Glob("examples/systemd/rtcollector.service.d/*.conf")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	return files
}

// writeArchive writes the .tar.gz, or .zip for Windows, of a target. It has one folder with everything.
func (r *release) writeArchive(t target, binary, docs string) error {
	all, ext := members(t, binary, docs), ".tar.gz"
	pack := r.tar
	if t.os == "windows" {
		ext, pack = ".zip", r.zip
	}
	name := r.fileName(t, ext)
	data, err := pack(strings.TrimSuffix(filepath.Base(name), ext), all)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

// tar returns a .tar.gz whose members belong to root and have the time of the commit.
func (r *release) tar(folder string, all []member) ([]byte, error) {
	var b bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(compressed)
	for _, m := range all {
		data, err := os.ReadFile(m.from)
		if err == nil {
			err = w.WriteHeader(&tar.Header{
				Name: path.Join(folder, m.name), Mode: int64(m.mode), Size: int64(len(data)), ModTime: r.date, Uname: "root", Gname: "root", Format: tar.FormatUSTAR,
			})
		}
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			return nil, err
		}
	}
	err = errors.Join(w.Close(), compressed.Close())
	return b.Bytes(), err
}

func (r *release) zip(folder string, all []member) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range all {
		data, err := os.ReadFile(m.from)
		if err != nil {
			return nil, err
		}
		h := &zip.FileHeader{Name: path.Join(folder, m.name), Method: zip.Deflate, Modified: r.date}
		h.SetMode(m.mode)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(data)
		}
		if err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}
