package opentsdb

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/rtcollector/rtcollector/internal/linesender"
)

// details is the answer to /api/put?details (OpenTSDB's documentation of its HTTP API).
type details struct {
	Failed  *int `json:"failed"`
	Success *int `json:"success"`
	Errors  []struct {
		Error     string          `json:"error"`
		Datapoint json.RawMessage `json:"datapoint"`
	} `json:"errors"`
	Error struct {
		Message string `json:"message"`
	} `json:"error"`
}

// judge implements [linesender.Body]. With details, an answer names the samples that were refused, with the status 200 or 400. Without them, a
// refusal concerns the whole request.
func judge(status int, answer []byte) (v linesender.Verdict, refused int, text string) {
	if status == http.StatusNoContent {
		return linesender.Accepted, 0, ""
	}
	var d details
	answer = bytes.TrimSpace(answer)
	err := json.Unmarshal(answer, &d)
	verdict := linesender.JudgeStatus(status)
	switch {
	case err == nil && d.Failed != nil && (verdict == linesender.Accepted || verdict == linesender.Refused):
		if len(d.Errors) > 0 {
			text = d.Errors[0].Error + ": " + string(d.Errors[0].Datapoint)
		}
		return linesender.Accepted, max(*d.Failed, 0), text
	case err == nil && d.Error.Message != "":
		return verdict, 0, d.Error.Message
	case verdict == linesender.Accepted && len(answer) > 0 && err != nil:
		return linesender.Failed, 0, "this is not OpenTSDB's answer: is it the right URL?"
	}
	return verdict, 0, ""
}
