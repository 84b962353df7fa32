package datatypes

import (
	"math"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errWaitFormat = "ERR timeout is not a float or out of range"
	errWaitRange  = "ERR timeout is out of range"
	errWaitSign   = "ERR timeout is negative"
	maxWaitMillis = math.MaxInt32 * 1000
)

// parseTimeout parses a timeout in seconds. 0 means none.
func parseTimeout(word []byte) (time.Duration, resp.Error) {
	v, ok := resp.ParseDouble(word)
	switch {
	case !ok || math.IsNaN(v):
		return 0, errWaitFormat
	case v < 0:
		return 0, errWaitSign
	case v*1000 > maxWaitMillis:
		return 0, errWaitRange
	}
	return time.Duration(math.Ceil(v*1000)) * time.Millisecond, ""
}
