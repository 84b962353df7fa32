package promapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/query"
)

// answer is a successful answer.
type answer struct {
	data            encodable
	warnings, infos []string
	done            func() // releases data; may be nil
}

// StatusClientGone is the status of a request whose client went away. Nobody sees it except logs and statistics.
const StatusClientGone = 499

// statuses are the HTTP statuses of the kinds of errors.
var statuses = map[query.Kind]int{
	query.BadData:     http.StatusBadRequest,
	query.Execution:   http.StatusUnprocessableEntity,
	query.Timeout:     http.StatusServiceUnavailable,
	query.Canceled:    StatusClientGone,
	query.Unavailable: http.StatusServiceUnavailable,
	query.Internal:    http.StatusInternalServerError,
}

func writeAnswer(w http.ResponseWriter, a answer) {
	if a.done != nil {
		defer a.done()
	}
	w.Header().Set("Content-Type", "application/json")
	e := newEncoder(w)
	defer e.close()
	e.raw(`{"status":"success","data":`)
	a.data.encode(e)
	e.texts(`,"warnings":`, a.warnings)
	e.texts(`,"infos":`, a.infos)
	e.raw("}")
}

func writeError(w http.ResponseWriter, err error) {
	kind := query.Internal
	var known *query.Error
	switch {
	case errors.As(err, &known):
		kind = known.Kind
	case errors.Is(err, context.Canceled):
		kind = query.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		kind = query.Timeout
	}
	WriteError(w, statuses[kind], string(kind), err.Error())
}

// WriteError writes an error in the form of Prometheus' API.
func WriteError(w http.ResponseWriter, status int, errorType, message string) {
	buf := []byte(`{"status":"error","errorType":"` + errorType + `","error":`)
	buf, _ = eventdoc.AppendString(buf, message)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(buf, '}'))
}
