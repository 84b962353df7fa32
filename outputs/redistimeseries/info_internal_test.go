package redistimeseries

import "testing"

// Where the size of chunks is left to the server, none is wrong: the sign of life is not altered at every start.
func TestChunkSizeThatNobodyAskedFor(t *testing.T) {
	is := info{policy: "LAST", chunk: 4096}
	if !is.matches(&shape{Settings: Settings{DuplicatePolicy: policyLast}}, nil) {
		t.Error("would be altered")
	}
}

// A server that is too old is not sent IGNORE.
func TestOldServer(t *testing.T) {
	c := Defaults()
	c.Ignore = &Ignore{MaxTimeDiff: 1000, MaxValDiff: 1}
	w := &Writer{config: c}
	if w.newShape(alike{override: -1}).Ignore != nil {
		t.Error("IGNORE would be sent")
	}
}
