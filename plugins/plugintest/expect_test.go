package plugintest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

func TestExpect(t *testing.T) {
	got := map[string]float64{"a": 1, "zero": 0}
	for key, c := range map[string]struct {
		value float64
		want  string
	}{
		"a":    {1, ""},
		"zero": {math.NaN(), "zero is 0, want none"},
		"none": {0, "none is 0 (false), want 0"},
		"away": {math.NaN(), ""},
	} {
		w := &recordingTB{}
		Expect(w, got, map[string]float64{key: c.value})
		w.expect(t, c.want)
	}
	w := &recordingTB{}
	Expect(w, got, map[string]float64{"a": 2})
	w.expect(t, "a is 1 (true), want 2")
}

func TestHasSeries(t *testing.T) {
	b, err := Start(t, newFakeInput(), "", Env("fake", "")).Batch(0)
	if err != nil {
		t.Fatal(err)
	}
	const known = `fake_total{colour="red",environment="test",host="testhost",source="fake"}`
	w := &recordingTB{}
	HasSeries(w, b, known)
	w.expect(t, "")
	HasSeries(w, b, known, "fake_total{}")
	w.expect(t, "no fake_total{} in ["+known+"]")
}

func TestConfigs(t *testing.T) {
	w := &recordingTB{}
	Configs(w, newFakeInput(), map[string]string{"colour: red": "", "color: red": "did you mean"})
	w.expect(t, "")
	for config, words := range map[string]string{"colour: red": "must be", "color: red": "", "colour: [red]": "did you mean"} {
		w := &recordingTB{}
		Configs(w, newFakeInput(), map[string]string{config: words})
		w.expect(t, config+": ")
	}
}

func TestBetween(t *testing.T) {
	for v, want := range map[float64]string{0.5: "a is 0.5 (true), the other source says 1 to 2", 1: "", 2: "", 2.5: "a is 2.5 (true), the other source says 1 to 2"} {
		var d Differences
		d.Between(map[string]float64{"a": v, "more": 0}, map[string]float64{"a": 1}, map[string]float64{"a": 2, "later": 0})
		(&recorder{d.found}).expect(t, want)
	}
	var d Differences
	d.Between(nil, map[string]float64{"a": 0}, map[string]float64{"a": 0})
	(&recorder{d.found}).expect(t, "a is 0 (false)")
}

// fileReader reads the files a and b of /proc. The tests give it good and bad ways to handle noise.
type fileReader struct {
	files  map[string]*hostfs.File
	series map[string]*telemetry.Series
	noise  func(path, text string) error
}

func (r *fileReader) Gather(_ context.Context, out *telemetry.Batch) error {
	var errs []error
	for _, name := range []string{"a", "b"} {
		data, err := r.files[name].ReadOptional()
		if err == nil && string(data) != "fine" {
			err = r.noise(r.files[name].Path(), string(data))
		}
		if errs = append(errs, err); err == nil && string(data) == "fine" {
			out.Add(r.series[name], 1)
		}
	}
	return errors.Join(errs...)
}

func newFileReader(noise func(path, text string) error) plugins.Definition {
	return plugins.Poll("fake", "a fake", func() config { return config{} }, func(e plugins.Env, _ config) (*fileReader, error) {
		r := &fileReader{map[string]*hostfs.File{}, map[string]*telemetry.Series{}, noise}
		for _, name := range []string{"a", "b"} {
			r.files[name], r.series[name] = e.FS.ProcFile(name), e.Factory.Gauge(name, telemetry.None)
		}
		return r, nil
	})
}

func parseError(path, text string) error {
	if text == "" {
		return nil
	}
	return fmt.Errorf("parse %s: noise", path)
}

func TestNoise(t *testing.T) {
	tree := Files(t, "", map[string]string{"proc/a": "fine", "proc/b": "fine"})
	keys := map[string]string{"proc/a": "a", "proc/b": "b"}
	for want, noise := range map[string]func(path, text string) error{
		"":                       parseError,
		"noise in proc/a: <nil>": func(string, string) error { return nil },
		"noise in proc/a: parse": func(_, _ string) error { return errors.New("parse something") },
	} {
		w := &recordingTB{TB: t}
		Noise(w, newFileReader(noise), tree, keys)
		w.expect(t, want)
	}
	w := &recordingTB{TB: t}
	Noise(w, newFileReader(parseError), tree, map[string]string{"proc/a": "a", "proc/b": "c"})
	w.expect(t, "noise in proc/a: c is there: false")
	w = &recordingTB{TB: t}
	Noise(w, newFileReader(parseError), tree, map[string]string{"proc/a": "b"})
	w.expect(t, "noise in proc/a: b is there: true")
}

func TestSilent(t *testing.T) {
	w := &recordingTB{TB: t}
	Silent(w, newFileReader(parseError), "proc/a", "proc/b")
	w.expect(t, "")
	Silent(w, newFileReader(func(path, _ string) error { return fmt.Errorf("parse %s: nothing in it", path) }), "proc/a")
	w.expect(t, "nothing in it")
}
