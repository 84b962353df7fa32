package redistimeseries

import "testing"

// A server that is too old is not sent IGNORE.
func TestOldServer(t *testing.T) {
	c := Defaults()
	c.Ignore = &Ignore{MaxTimeDiff: 1000, MaxValDiff: 1}
	w := &Writer{config: c}
	if w.newDefinition(definitionKey{override: -1}).Ignore != nil {
		t.Error("IGNORE would be sent")
	}
}

// What concerns one key must not be taken for an outage, which is waited out: nothing would ever be written again.
func TestRepliesAboutOneKey(t *testing.T) {
	for text, want := range map[string]bool{
		"ERR TSDB: the key does not exist": true, "TSDB: unknown ENCODING parameter": true, "ERR WRONGTYPE Operation against a key": true,
		"ERR wrong number of arguments for 'ts.create' command": true, "ERR wrong number of arguments for 'hset' command": false,
		"OOM command not allowed when used memory > 'maxmemory'.": false, "ERR unknown command 'TS.CREATE'": false,
	} {
		if got := isTimeSeriesReply(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
