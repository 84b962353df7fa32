package redissearch_test

import (
	"fmt"
	"testing"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

func TestConformance(t *testing.T) {
	s := newServer(t)
	for _, storage := range []string{"json", "hash"} {
		outputtest.Run(t, outputtest.Case{
			Definition: redissearch.Plugin,
			Config:     fmt.Sprintf("{host: %s, port: %d, ttl: 100y, max_documents: 1, storage: %s, key_prefix: '%s:', index: %s}", s.Host, s.Port, storage, storage, storage),
		})
	}
	outputtest.Run(t, outputtest.Case{
		Definition: redissearch.Plugin,
		Config:     fmt.Sprintf("config: {host: %s, port: %d}", s.Host, s.Port),
	})
	if n := s.DBSize(t.Context()).Val(); n != 3 {
		t.Errorf("%d documents", n)
	}
}

func problems(t *testing.T, text string) string {
	t.Helper()
	_, ps := catalogtest.Decode(t, redissearch.Plugin, text)
	return ps.In("c.yaml").Error()
}

func TestConfigProblems(t *testing.T) {
	for text, want := range map[string]string{
		"storage: xml":                   `c.yaml:1:10: redissearch.storage: must be json or hash, not "xml"`,
		"ttl: 10ms":                      "c.yaml:1:1: redissearch.ttl: must be at least 1s, or 0 to keep events for ever",
		"ttl: -1":                        `c.yaml:1:6: redissearch.ttl: must be a duration without a minus sign, such as 10 (seconds), "500ms", "1m30s" or "7d", not "-1"`,
		"max_documents: -1":              "c.yaml:1:1: redissearch.max_documents: must not be negative; 0 sets no limit",
		"index: ''":                      "c.yaml:1:1: redissearch.index: must not be empty",
		"key_prefix: ''":                 "c.yaml:1:1: redissearch.key_prefix: must not be empty: the index would cover every key",
		"db: 1":                          "c.yaml:1:1: redissearch.db: must be 0: RediSearch only indexes database 0",
		"port: 0":                        "c.yaml:1:1: redissearch.port: must be 1 to 65535, not 0",
		"config: {db: 1}":                "c.yaml:1:10: redissearch.config.db: must be 0: RediSearch only indexes database 0",
		"config: {indx: x}":              `c.yaml:1:10: redissearch.config: unknown key "indx" (did you mean "index"?)`,
		"{index: a, config: {}}":         "",
		"config: {hostname: h}":          "c.yaml:1:10: redissearch.config.hostname: is accepted for old configurations and has no effect",
		"debug: true":                    "c.yaml:1:1: redissearch.debug: is accepted for old configurations and has no effect",
		"{index: a, config: {db: 0}}":    "",
		"{index: a, config: {index: b}}": "c.yaml:1:12: redissearch.config: settings are given both here and outside of config: put all of them in one place",
		"{cluster: [h], db: 1}":          "c.yaml:1:16: redissearch.db: must be 0: a cluster has no other",
	} {
		if got := problems(t, text); got != want {
			t.Errorf("%s\n got: %s\nwant: %s", text, got, want)
		}
	}
}

func TestInstanceIsNeeded(t *testing.T) {
	if _, err := redissearch.New(outputs.Env{}, redissearch.Defaults()); err == nil {
		t.Error("made without an instance: IDs would collide")
	}
}
