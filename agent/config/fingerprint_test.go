package config

import (
	"testing"

	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
)

// realEnv has the real inputs and outputs.
func realEnv() Env {
	env := testEnv()
	env.Inputs, env.Outputs = pluginsall.Catalog(), outputsall.Catalog()
	return env
}

// The fingerprint of a component changes exactly if the component would be built differently.
func TestFingerprintChangesWithSettings(t *testing.T) {
	parse := func(text string) map[string]string {
		t.Helper()
		c, err := Parse(t.Context(), "c", []byte(text), realEnv())
		if err != nil {
			t.Fatal(err)
		}
		settings := map[string]string{}
		for _, in := range c.Inputs {
			settings[in.ID] = in.Settings
		}
		for _, out := range c.Outputs {
			settings[out.ID] = out.Settings
		}
		return settings
	}
	const text = "inputs: [system, mem: {interval: 5s, tags: {a: b}}]\noutputs: [stdout: {format: json}]\n"
	f := func(name, other string, want ...string) {
		t.Helper()
		before, after := parse(text), parse(other)
		changed := map[string]bool{}
		for id := range after {
			if before[id] != after[id] {
				changed[id] = true
			}
		}
		if len(changed) != len(want) {
			t.Errorf("%s: changed are %v, want %v", name, changed, want)
		}
		for _, id := range want {
			if !changed[id] {
				t.Errorf("%s: %s is not changed", name, id)
			}
		}
	}
	f("nothing", text)
	f("layout and comments", "# comment\ninputs:\n  - system # here too\n  - mem:\n      interval: 5s\n      tags:\n        a: b\noutputs:\n  - stdout:\n      format: 'json'\n")
	f("an anchor", "x-t: &t {a: b}\ninputs: [system, mem: {interval: 5s, tags: *t}]\noutputs: [stdout: {format: json}]\n")
	f("another order", "outputs: [stdout: {format: json}]\ninputs: [mem: {interval: 5s, tags: {a: b}}, system]\n")
	f("one value", "inputs: [system, mem: {interval: 6s, tags: {a: b}}]\noutputs: [stdout: {format: json}]\n", "linux_mem")
	f("one value of an output", "inputs: [system, mem: {interval: 5s, tags: {a: b}}]\noutputs: [stdout: {format: table}]\n", "stdout")
	f("a new input", "inputs: [system, net, mem: {interval: 5s, tags: {a: b}}]\noutputs: [stdout: {format: json}]\n", "linux_net")
	f("a tag that all inherit", "tags: {site: x}\n"+text, "system", "linux_mem", "internal", "stdout")
	f("a secret store", "secret_store: {type: env, prefix: X_}\n"+text, "system", "linux_mem", "internal", "stdout")
}
