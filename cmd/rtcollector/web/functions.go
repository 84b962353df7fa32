package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/rtcollector/rtcollector/plugins"
)

// maxCall is the size limit of the body of a call, in bytes.
const maxCall = 16 << 10

// serveFunctions lists the functions of the agent in this process.
func (s *Server) serveFunctions(w http.ResponseWriter, _ *http.Request) {
	found := []plugins.Function{}
	if s.config.Functions != nil {
		found = append(found, s.config.Functions.Functions()...)
	}
	writeJSON(w, http.StatusOK, map[string]any{"functions": found})
}

// serveCall calls a function and answers with its status and body. Only JSON and text pass: what a plugin prints must not become a page of this server.
func (s *Server) serveCall(w http.ResponseWriter, r *http.Request) {
	var call struct {
		Function string `json:"function"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCall))
	if err == nil {
		err = json.Unmarshal(body, &call)
	}
	if err != nil || call.Function == "" {
		writeError(w, http.StatusBadRequest, `the body must be {"function": "NAME ARGUMENTS"}`)
		return
	}
	if s.config.Functions == nil {
		writeError(w, http.StatusNotFound, "no agent runs in this process: functions are called where \"web:\" is in the configuration of an agent")
		return
	}
	answer, err := s.config.Functions.Call(r.Context(), call.Function)
	switch {
	case errors.Is(err, plugins.ErrNoFunction):
		writeError(w, http.StatusNotFound, err.Error()+": GET /api/functions lists them")
		return
	case errors.Is(err, plugins.ErrNoAnswer):
		writeError(w, http.StatusGatewayTimeout, err.Error())
		return
	case err != nil:
		writeError(w, http.StatusBadGateway, err.Error())
		return
	}
	kind := "text/plain; charset=utf-8"
	if answer.ContentType == "application/json" {
		kind = answer.ContentType
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if answer.Code < 200 || answer.Code > 599 {
		answer.Code = http.StatusBadGateway
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body)
}
