package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"
)

// The parts of CycloneDX 1.6 that describe a Go program: https://cyclonedx.org/docs/1.6/json/.
type bom struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// writeSBOM writes the components of a program as the program itself states them ("go version -m"), in CycloneDX.
func (r *release) writeSBOM(t target, binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(program)
	main := newComponent("application", debug.Module{Path: info.Main.Path, Version: r.version})
	main.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum[:])}}
	main.Properties = []property{{"file", filepath.Base(binary)}, {"target", t.os + "/" + t.arch}, {"commit", r.commit}}
	doc := bom{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata:   metadata{r.date.Format(time.RFC3339), main},
		Components: []component{newComponent("library", debug.Module{Path: "stdlib", Version: info.GoVersion})},
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		doc.Components = append(doc.Components, newComponent("library", *m))
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(r.fileName(t, ".cdx.json"), append(text, '\n'), 0o644)
}

// newComponent returns a module with its package URL (github.com/package-url/purl-spec).
func newComponent(kind string, m debug.Module) component {
	purl := "pkg:golang/" + m.Path + "@" + m.Version
	return component{Type: kind, Ref: purl, Name: m.Path, Version: m.Version, PURL: purl}
}
