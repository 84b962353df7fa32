package config

import "testing"

func TestFirstLiteral(t *testing.T) {
	for text, want := range map[string]int{
		"outputs:\n  - redistimeseries: {host: h, username: u}\n":                 0,
		"outputs:\n  - redistimeseries:\n      password: hunter2\n":               3,
		"outputs:\n  - redistimeseries:\n      password: secret:redis/password\n": 0,
		"outputs:\n  - redistimeseries:\n      password: \"${PW:-}\"\n":           0,
		"outputs:\n  - redistimeseries:\n      password: \"${PW:-hunter2}\"\n":    3,
		"outputs:\n  - redistimeseries:\n      password: \"${PW}hunter2\"\n":      3,
		"outputs:\n  - redistimeseries: {password: \"\"}\n":                       0,
		"outputs:\n  - redistimeseries: {url: 'redis://:x@h:6379'}\n":             2,
		"outputs:\n  - redistimeseries: {url: 'redis://u@h:6379'}\n":              0,
		"outputs:\n  - redistimeseries: {url: 'redis://:${PW}@h:6379'}\n":         0,
		"inputs:\n  - prometheus:\n      urls: [a, 'http://u:p@h/metrics']\n":     3,
		"inputs:\n  - prometheus: {headers: {X-Api-Key: abc, Accept: text}}\n":    2,
		"web: {auth: {token: sesame}}\n":                                          1,
		"inputs:\n  - exec: {environment: {DB_PASSWORD: x}}\n":                    2,
		"inputs: [{http_response: {password_file: /x, token: 12}}]\n":             1,
	} {
		top, err := parseYAML([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := firstLiteral(top); got != want {
			t.Errorf("line %d, want %d, in:\n%s", got, want, text)
		}
	}
}

func TestHideCredential(t *testing.T) {
	for text, want := range map[string]string{
		"hunter2": "[x]", "secret:redis/password": "secret:redis/password", "${PW}": "${PW}", "${PW:-}": "${PW:-}",
		"${PW:-hunter2}": "${PW:-redacted}", "${PREFIX}hunter2": "[x]", "${PW:-a}b": "[x]", "$PW": "[x]",
	} {
		if got := hideCredential(text, "[x]"); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}
