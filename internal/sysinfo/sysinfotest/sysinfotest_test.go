package sysinfotest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// names returns the names of all recordings.
func names(t *testing.T) []string {
	t.Helper()
	entries, err := files.ReadDir("recordings")
	if err != nil || len(entries) == 0 {
		t.Fatal(entries, err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, strings.TrimSuffix(e.Name(), ".json"))
	}
	return all
}

// A misspelled field in a recording would silently be missing.
func TestRecordingsHaveOnlyKnownFields(t *testing.T) {
	for _, name := range names(t) {
		data, err := Read(name)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		var r Recording
		if err := d.Decode(&r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, m := range r.Mounts {
			if _, ok := r.Space[m.Path]; !ok && m.Size > 0 && m.FSType != "devfs" && m.FSType != "tmpfs" && m.FSType != "nullfs" {
				t.Errorf("%s: no space of %s", name, m.Path)
			}
		}
	}
}

func TestPlayer(t *testing.T) {
	p, err := NewPlayer([]byte(`{"Load": {"One": 1}, "Mounts": [{"Path": "/"}], "Space": {"/": {"Total": 5}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if p.Host.CPUs != nil || p.Host.Sensors != nil {
		t.Error("the host has what was not recorded")
	}
	if l, err := p.Host.Load(t.Context()); l.One != 1 || err != nil {
		t.Error(l, err)
	}
	if s, err := p.Host.Space(t.Context(), "/"); s.Total != 5 || err != nil {
		t.Error(s, err)
	}
	if _, err := p.Host.Space(t.Context(), "/gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	p.Play([]byte(`{"Load": {"One": 2}}`))
	if l, err := p.Host.Load(t.Context()); l.One != 2 || err != nil {
		t.Error(l, err)
	}
	p.Play([]byte(`{"Load": -}`))
	if _, err := p.Host.Load(t.Context()); err == nil {
		t.Error("noise is not an error")
	}
	if _, err := NewPlayer([]byte("noise")); err == nil {
		t.Error("noise is a recording")
	}
}
