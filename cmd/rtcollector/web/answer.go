package web

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/rtcollector/rtcollector/internal/query"
)

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func writeError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": message})
}

// writeStoreError answers with an error of the store or the engine.
func writeStoreError(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	var known *query.Error
	if errors.As(err, &known) {
		switch known.Kind {
		case query.BadData, query.Execution:
			status = http.StatusBadRequest
		case query.Timeout:
			status = http.StatusGatewayTimeout
		case query.Internal:
			status = http.StatusInternalServerError
		case query.Canceled, query.Unavailable:
		}
	}
	writeError(w, status, err.Error())
}
