package redissearch

import (
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// The reply to PEXPIREAT does not hide that the document was refused.
func TestRefusalBeforeAnAnswer(t *testing.T) {
	v := newWriteResults(false, 2, 1)
	err := v.readReplies(0, redisconn.NewReader(strings.NewReader("-WRONGTYPE x\r\n:0\r\n")))
	if err != nil || v.documents[0] != keyTaken {
		t.Errorf("%v, %v", err, v.documents)
	}
}
