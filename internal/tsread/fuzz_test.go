package tsread

import (
	"bytes"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// Any reply ends with a result or an error, and a result is within the limits.
func FuzzReplies(f *testing.F) {
	for _, seed := range []string{
		"*1\r\n*3\r\n$1\r\nk\r\n*1\r\n*2\r\n$4\r\nhost\r\n$1\r\na\r\n*2\r\n:1000\r\n+1.5\r\n",
		"*2\r\n*2\r\n:1\r\n$1\r\n7\r\n*2\r\n:2\r\n$3\r\ninf\r\n",
		"*6\r\n+totalSamples\r\n:2\r\n+labels\r\n*1\r\n*2\r\n$1\r\na\r\n$-1\r\n+rules\r\n*0\r\n",
		"$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", "-ERR TSDB: the key does not exist\r\n", "*-1\r\n", "*1000000\r\n", "$99999999\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		read := func() *redisconn.Reader { return redisconn.NewReader(bytes.NewReader(reply)) }
		_ = (&foundParser{words: map[string]string{}}).parse(read(), func(found Found) error {
			if len(found.Labels) > maxLabels {
				t.Errorf("%d labels", len(found.Labels))
			}
			return nil
		})
		counted := 0
		samples, err := parseSamples(read(), func(n int) error { counted += n; return nil })
		if err == nil && len(samples) != counted {
			t.Errorf("%d samples, %d were counted", len(samples), counted)
		}
		info, err := parseInfo(read())
		if err == nil && len(info.Labels) > maxLabels {
			t.Errorf("%d labels", len(info.Labels))
		}
		_, _ = parseKeys(read(), func(string) error { return nil })
	})
}
