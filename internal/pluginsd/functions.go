package pluginsd

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

const (
	// MaxAnswer is the size limit of the body of an answer, in bytes.
	MaxAnswer = 20 << 20

	maxAnswerTime          = time.Minute // from the first to the last line of an answer
	defaultFunctionTimeout = 10 * time.Second
)

// Function is what a plugin offers to be called.
type Function struct {
	Name, Help string
	Chart      string // the chart that it belongs to; "": the host
	Timeout    time.Duration
}

// Answer is what a function returned.
type Answer struct {
	Transaction string
	Code        int // of HTTP
	ContentType string
	Expires     time.Time // zero: it must not be kept
	Body        []byte
	IsCut       bool // the body was longer than 20 MiB
}

// Functions holds the functions of a plugin, and the answer that is being read.
type Functions struct {
	// Answered is called with each complete answer; nil: nobody asks.
	Answered func(Answer)

	defined map[string]Function
	answer  *Answer // nil: no answer is being read
	began   time.Time
}

// List returns the functions.
func (f *Functions) List() []Function {
	var all []Function
	for _, one := range f.defined {
		all = append(all, one)
	}
	return all
}

// define adds a function.
func (f *Functions) define(words [][]byte, chart *Chart) string {
	isGlobal := string(word(words, 0)) == "GLOBAL"
	if isGlobal {
		words = words[1:]
	}
	if len(words) < 3 || len(words[0]) == 0 {
		return "a function needs name, timeout and help"
	}
	one := Function{Name: cleanText(words[0]), Help: cleanText(words[2]), Timeout: defaultFunctionTimeout}
	if seconds, _ := ParseInteger(words[1]); seconds > 0 {
		one.Timeout = time.Duration(min(seconds, 3600)) * time.Second
	}
	if !isGlobal && chart != nil {
		one.Chart = chart.ID
	}
	if f.defined == nil {
		f.defined = map[string]Function{}
	}
	if _, isKnown := f.defined[one.Name]; !isKnown && len(f.defined) >= maxFunctions {
		return "more than " + strconv.Itoa(maxFunctions) + " functions"
	}
	f.defined[one.Name] = one
	return ""
}

// begin begins an answer: all lines until its end are the body.
func (f *Functions) begin(words [][]byte, at time.Time) string {
	f.began = at
	code, _ := ParseInteger(word(words, 1))
	f.answer = &Answer{Transaction: text(words, 0, ""), Code: int(min(max(code, 0), 999)), ContentType: text(words, 2, "text/plain")}
	if expires, _ := ParseInteger(word(words, 3)); expires > 0 && expires < 1<<40 {
		f.answer.Expires = time.Unix(expires, 0)
	}
	if len(words) < 3 {
		return "an answer needs transaction, code, type and expiration"
	}
	return ""
}

func (f *Functions) isAnswer() bool { return f.answer != nil }

// giveUp drops an answer that has no end: another one begins, or it takes too long. Otherwise it would take all further lines. It reports whether there
// was one.
func (f *Functions) giveUp(line []byte, at time.Time) bool {
	if f.answer == nil || at.Sub(f.began) <= maxAnswerTime && !bytes.HasPrefix(line, []byte("FUNCTION_RESULT_BEGIN")) {
		return false
	}
	f.answer = nil
	return true
}

// addLine adds a line of the body, or ends the answer.
func (f *Functions) addLine(line []byte) {
	if string(bytes.TrimSpace(line)) == "FUNCTION_RESULT_END" {
		answer := *f.answer
		f.answer = nil
		if f.Answered != nil {
			f.Answered(answer)
		}
		return
	}
	if len(f.answer.Body)+len(line)+1 > MaxAnswer {
		f.answer.IsCut = true
		return
	}
	f.answer.Body = append(append(f.answer.Body, bytes.TrimRight(line, "\r\n")...), '\n')
}

// Call returns the line that calls a function. The error says what the text must not hold.
func Call(transaction string, timeout time.Duration, function string) ([]byte, error) {
	for _, c := range function {
		if c < ' ' || c == 0x7f || c == '"' || c == '\\' {
			return nil, errors.New("the name and the arguments of a function must not contain quotes, backslashes and control characters")
		}
	}
	return fmt.Appendf(nil, "FUNCTION %s %d %q\n", transaction, max(1, int(timeout.Seconds())), function), nil
}
