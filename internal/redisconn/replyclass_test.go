package redisconn_test

import (
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

func TestIsPassing(t *testing.T) {
	for reply, want := range map[string]bool{
		"OOM command not allowed when used memory > 'maxmemory'.":                                       true,
		"ERR OOM command not allowed":                                                                   true,
		"OOM: the embedded server holds no more series":                                                 true,
		"READONLY You can't write against a read only replica.":                                         true,
		"LOADING Redis is loading the dataset in memory":                                                true,
		"CLUSTERDOWN Hash slot not served":                                                              true,
		"MISCONF Redis is configured to save RDB snapshots":                                             true,
		"BUSY Redis is busy running a script.":                                                          true,
		"MASTERDOWN Link with MASTER is down":                                                           true,
		"TRYAGAIN Multiple keys request during rehashing of slot":                                       true,
		"NOREPLICAS Not enough good replicas to write.":                                                 true,
		"NOPERM User default has no permissions to run the 'ts.add' command":                            true,
		"NOPERM this user has no permissions to access one of the keys":                                 true,
		"ERR TSDB: the current user doesn't have permissions to write to a given key":                   true, // RedisTimeSeries, Valkey's module
		"NOAUTH Authentication required.":                                                               true,
		"WRONGPASS invalid username-password pair":                                                      true,
		"NEWCODE whatever comes":                                                                        true,
		"ERR max number of clients reached":                                                             true,
		"ERR unknown command 'TS.MADD', with args":                                                      true,
		"ERR Connection refused":                                                                        true, // twemproxy
		"upstream failure":                                                                              true, // Envoy
		"ERR TSDB: the key is not a TSDB key":                                                           false,
		"TSDB: Timestamp is older than retention":                                                       false,
		"ERR TSDB: Error at upsert, update is not supported when DUPLICATE_POLICY is set to BLOCK mode": false,
		"WRONGTYPE Operation against a key holding the wrong kind of value":                             false,
		"ERR WRONGTYPE Operation against a key":                                                         false,
		"ERR wrong number of arguments for 'ts.create' command":                                         false,
		"ERR CHUNK_SIZE value must be a multiple of 8":                                                  false,
		"ERR something new":                                                                             false,
		"something new":                                                                                 false,
		"ERR":                                                                                           false,
		"":                                                                                              false,
	} {
		if got := redisconn.IsPassing(reply); got != want {
			t.Errorf("%q: %t, want %t", reply, got, want)
		}
	}
}
