package redistimeseries

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// Servers describe problems with a single key in slightly different words:
//
//   - RedisTimeSeries 8 and 1.10 (module.c, RTS_ReplyGeneralError): "ERR TSDB: the key is not a TSDB key"
//   - RedisTimeSeries 1.x (RedisModule_ReplyWithError): the same without ERR
//   - RedisTimeSeries 0.x: "TSDB: the key does not exists"
//   - Valkey's module (error_consts.rs): "TSDB: the key does not exist"
//   - Kvrocks (cmd_timeseries.cc): "ERR the key is not a TSDB key", "ERR key already exists"
//
// Dragonfly, KeyDB and Garnet have no time series: to them TS.INFO is an unknown command.
const (
	keyExists   = "key already exists"
	keyNoSeries = "the key is not a tsdb key"
	keyMissing  = "the key does not exist"
)

// withoutPrefix returns a reply in lower case, without the prefixes that only some servers use.
func withoutPrefix(reply string) string {
	reply = strings.TrimPrefix(reply, "ERR ")
	return strings.ToLower(strings.TrimPrefix(reply, "TSDB: "))
}

// isNoSeries reports whether TS.MADD did not find the series.
func isNoSeries(reply string) bool {
	text := withoutPrefix(reply)
	return text == keyNoSeries || strings.HasPrefix(text, keyMissing)
}

// isNoKey reports whether TS.INFO or TS.ALTER did not find the key. Old servers say "not a TSDB key" if the key holds something
// else.
func isNoKey(reply string) bool { return strings.HasPrefix(withoutPrefix(reply), keyMissing) }

// isExisting reports whether TS.CREATE found that the key exists.
func isExisting(reply string) bool { return strings.Contains(withoutPrefix(reply), keyExists) }

// isTimeSeriesReply reports whether an error concerns one key only. Such an error also shows that the server knows time series.
// The module puts ERR before most of its errors, even before WRONGTYPE, but not before all. It counts the arguments that it
// understands, so it may report a wrong number of arguments for one key and not for the next.
func isTimeSeriesReply(reply string) bool {
	text := strings.TrimPrefix(reply, "ERR ")
	return !redisconn.IsPassing(reply) && (strings.HasPrefix(text, "TSDB:") || strings.HasPrefix(text, "WRONGTYPE ") ||
		strings.HasPrefix(text, "wrong number of arguments for 'ts.") || isNoSeries(reply) || isExisting(reply))
}
