package opentsdb

import (
	"testing"

	"github.com/rtcollector/rtcollector/internal/linesender"
)

// TestJudge has answers in the forms that OpenTSDB documents (HTTP API, /api/put and errors).
func TestJudge(t *testing.T) {
	const onePoint = `{"errors":[{"datapoint":{"metric":"a.b","timestamp":1,"value":"x","tags":{"host":"h"}},"error":"Unable to parse value to a number"}],"failed":1,"success":4}`
	for _, tc := range []struct {
		status  int
		answer  string
		verdict linesender.Verdict
		refused int
		text    string
	}{
		{204, "", linesender.Accepted, 0, ""},
		{200, "", linesender.Accepted, 0, ""},
		{200, `{"success":5,"failed":0,"errors":[]}`, linesender.Accepted, 0, ""},
		{400, onePoint, linesender.Accepted, 1, `Unable to parse value to a number: {"metric":"a.b","timestamp":1,"value":"x","tags":{"host":"h"}}`},
		{200, onePoint, linesender.Accepted, 1, `Unable to parse value to a number: {"metric":"a.b","timestamp":1,"value":"x","tags":{"host":"h"}}`},
		{400, `{"failed":2,"success":0}`, linesender.Accepted, 2, ""},
		{400, `{"failed":-2}`, linesender.Accepted, 0, ""},
		{400, `{"error":{"code":400,"message":"Unable to parse the given JSON"}}`, linesender.Refused, 0, "Unable to parse the given JSON"},
		{413, `{"error":{"code":413,"message":"too large"}}`, linesender.Refused, 0, "too large"},
		{400, "peek error", linesender.Refused, 0, ""},
		{500, onePoint, linesender.Failed, 0, ""},
		{503, `{"error":{"code":503,"message":"wait"}}`, linesender.Failed, 0, "wait"},
		{200, "<html>welcome</html>", linesender.Failed, 0, "this is not OpenTSDB's answer: is it the right URL?"},
		{302, "", linesender.Failed, 0, ""},
	} {
		verdict, refused, text := judge(tc.status, []byte(tc.answer))
		if verdict != tc.verdict || refused != tc.refused || text != tc.text {
			t.Errorf("%d %s: %v %d %q", tc.status, tc.answer, verdict, refused, text)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(400, []byte(`{"failed":1,"errors":[{"error":"x","datapoint":null}]}`))
	f.Fuzz(func(t *testing.T, status int, answer []byte) {
		if v, refused, _ := judge(status, answer); refused < 0 || refused > 0 && v != linesender.Accepted {
			t.Errorf("%v %d", v, refused)
		}
	})
}
