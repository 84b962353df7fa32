package redistimeseries

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// Retention is how long Redis keeps samples, in milliseconds; 0 is for ever. Unlike in a [conf.Duration] a plain number
// is milliseconds, as in the predecessor.
type Retention int64

var errRetention = errors.New(`must be milliseconds, or a text such as "30m", "12h", "7d", "1w" or "1y"; 0 keeps for ever`)

// UnmarshalScalar implements conf.Scalar.
func (r *Retention) UnmarshalScalar(text string) error {
	text = strings.TrimSpace(text)
	if ms, err := strconv.ParseFloat(text, 64); err == nil {
		if ms < 0 || ms != math.Trunc(ms) || ms > math.MaxInt64/2 {
			return errRetention
		}
		*r = Retention(ms)
		return nil
	}
	d, err := conf.ParseDuration(text)
	if err != nil || d > 0 && d < time.Millisecond { // which would mean for ever
		return errRetention
	}
	*r = Retention(d.Milliseconds())
	return nil
}
