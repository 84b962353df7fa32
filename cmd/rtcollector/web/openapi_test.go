package web_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// schema is a part of a JSON schema.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Items                *schema
	Properties           map[string]*schema
	AdditionalProperties any
	Required             []string
	Enum                 []string
}

type openAPI struct {
	Paths map[string]map[string]struct {
		Parameters []struct{ Name string }
		Responses  map[string]struct {
			Content map[string]struct{ Schema *schema }
		}
	}
	Components struct{ Schemas map[string]*schema }
}

func readOpenAPI(t *testing.T, base string) (d openAPI) {
	t.Helper()
	code, body := fetch(t, base+"/openapi.json")
	if err := json.Unmarshal([]byte(body), &d); err != nil || code != 200 {
		t.Fatal(code, err)
	}
	return d
}

// TestOpenAPIPaths: every endpoint of ours is described, and nothing else.
func TestOpenAPIPaths(t *testing.T) {
	s, err := web.New(web.Config{Redis: redisconn.Defaults(), Settings: config.Web{Auth: &httpauth.Auth{Token: secret.Literal("t")}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var exist, described []string
	for _, routes := range s.DocumentedRoutes() {
		for path, methods := range routes {
			for method := range methods {
				if path != "/login.css" {
					exist = append(exist, method+" "+path)
				}
			}
		}
	}
	for path, methods := range readOpenAPI(t, serve(t, web.Config{Redis: redisconn.Defaults()})).Paths {
		for method := range methods {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(exist)
	slices.Sort(described)
	if diff := cmp.Diff(exist, described); diff != "" {
		t.Error(diff)
	}
}

// TestOpenAPIAnswers: answers have the fields that are described, of these types, and no others.
func TestOpenAPIAnswers(t *testing.T) {
	a := newArchive(t)
	a.writeSome()
	a.write(someConnections()...)
	a.write(someProcesses()...)
	d := readOpenAPI(t, a.base)
	for _, request := range []string{"/api/status", "/api/hosts", "/api/logs", "/api/logs/volume?since=" + a.at(-60) + "&until=" + a.at(60), "/api/logs?last=0", "/health",
		"/api/connections", "/api/connections?since=" + a.at(0) + "&until=" + a.at(600), "/api/connections?by=x",
		"/api/processes?host=box&since=" + a.at(0), "/api/processes?host=none", "/api/processes"} {
		path, _, _ := strings.Cut(request, "?")
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, a.base+request, http.NoBody)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
		described, ok := d.Paths[path]["get"].Responses[strconv.Itoa(resp.StatusCode)].Content[kind]
		if !ok {
			t.Errorf("%s: %d %s is not described", request, resp.StatusCode, kind)
		} else if kind == "application/json" {
			var v any
			if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
				t.Error(request, err)
			}
			d.check(t, request, described.Schema, v)
		}
		_ = resp.Body.Close()
	}
}

// check compares a value with its schema.
func (d openAPI) check(t *testing.T, at string, s *schema, v any) {
	t.Helper()
	if s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	ok := false
	switch v := v.(type) {
	case map[string]any:
		ok = s.Type == "object"
		for _, name := range s.Required {
			if _, there := v[name]; !there {
				t.Errorf("%s: %s is missing in %v", at, name, slices.Collect(maps.Keys(v)))
			}
		}
		for name, value := range v {
			if p := s.Properties[name]; p != nil {
				d.check(t, at+" "+name, p, value)
			} else if s.AdditionalProperties == nil {
				t.Errorf("%s: %s is not described", at, name)
			}
		}
	case []any:
		ok = s.Type == "array"
		for _, element := range v {
			d.check(t, at, s.Items, element)
		}
	case string:
		ok = s.Type == "string" && (s.Enum == nil || slices.Contains(s.Enum, v))
	case float64:
		ok = s.Type == "number" || s.Type == "integer"
	case bool:
		ok = s.Type == "boolean"
	}
	if !ok {
		t.Errorf("%s: %v is no %s", at, v, s.Type)
	}
}
