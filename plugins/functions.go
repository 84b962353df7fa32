package plugins

import (
	"context"
	"errors"
	"time"
)

// Caller is implemented by Runners that offer functions which can be called while they run, such as a table that a plugin of Netdata prints on request.
// Its methods may be called from any goroutine.
type Caller interface {
	// Functions returns what can be called at present.
	Functions() []Function
	// Call calls a function by a text: its name, and arguments after a blank. The error is [ErrNoFunction] if there is none of that name.
	Call(ctx context.Context, text string) (Answer, error)
}

// ErrNoFunction is the error of a call of a function that does not exist.
var ErrNoFunction = errors.New("there is no such function")

// ErrNoAnswer is the error of a function that did not answer in time.
var ErrNoAnswer = errors.New("did not answer")

// Function is what can be called.
type Function struct {
	Name    string        `json:"name"`
	Help    string        `json:"help"`
	Plugin  string        `json:"plugin"`
	Timeout time.Duration `json:"-"` // how long an answer may take
}

// Answer is what a function returned.
type Answer struct {
	Code        int // of HTTP
	ContentType string
	Body        []byte
}
