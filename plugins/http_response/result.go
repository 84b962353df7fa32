package httpresponse

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// result is the value of http_response_result_code. 1 to 4 are those of the Python rtcollector; 4, "unexpected", is not used.
type result int

const (
	success            result = 0
	timeout            result = 1
	connectionFailed   result = 2
	requestFailed      result = 3
	dnsFailed          result = 5
	tlsFailed          result = 6
	statusCodeMismatch result = 7
	stringMismatch     result = 8
	jsonMismatch       result = 9
)

// String returns the value of the label "result".
func (r result) String() string {
	switch r {
	case success:
		return "success"
	case timeout:
		return "timeout"
	case connectionFailed:
		return "connection_failed"
	case dnsFailed:
		return "dns_failed"
	case tlsFailed:
		return "tls_failed"
	case statusCodeMismatch:
		return "status_code_mismatch"
	case stringMismatch:
		return "string_mismatch"
	case jsonMismatch:
		return "json_mismatch"
	}
	return "request_failed"
}

// classifyError classifies the error of a request.
func classifyError(err error) result {
	var lookup *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case httpx.IsTimeout(err):
		return timeout
	case errors.As(err, &lookup):
		return dnsFailed
	case errors.As(err, &certificate), tlsx.Advice(err) != "", strings.Contains(err.Error(), "gave HTTP response to HTTPS client"):
		return tlsFailed
	case errors.As(err, &op), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return connectionFailed
	}
	return requestFailed
}
