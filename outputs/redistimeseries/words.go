package redistimeseries

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// What servers say about a single key differs in small ways:
//
//   - RedisTimeSeries 8 and 1.10 (module.c, RTS_ReplyGeneralError): "ERR TSDB: the key is not a TSDB key"
//   - RedisTimeSeries 1.x (RedisModule_ReplyWithError): the same without ERR
//   - RedisTimeSeries 0.x: "TSDB: the key does not exists"
//   - Valkey's module (error_consts.rs): "TSDB: the key does not exist"
//   - Kvrocks (cmd_timeseries.cc): "ERR the key is not a TSDB key", "ERR key already exists"
//
// Dragonfly, KeyDB and Garnet have no time series: to them TS.INFO is an unknown command.
const (
	sayExists   = "key already exists"
	sayNoSeries = "the key is not a tsdb key"
	sayNoKey    = "the key does not exist"
)

// about returns what a reply says about a key, without what only some servers put before it.
func about(reply string) string {
	reply = strings.TrimPrefix(reply, "ERR ")
	return strings.ToLower(strings.TrimPrefix(reply, "TSDB: "))
}

// isNoSeries reports whether TS.MADD did not find the series.
func isNoSeries(reply string) bool {
	text := about(reply)
	return text == sayNoSeries || strings.HasPrefix(text, sayNoKey)
}

// isNoKey reports whether TS.INFO or TS.ALTER did not find the key. Old servers say "not a TSDB key" when it holds
// something else.
func isNoKey(reply string) bool { return strings.HasPrefix(about(reply), sayNoKey) }

// isExisting reports whether TS.CREATE found something at the key.
func isExisting(reply string) bool { return strings.Contains(about(reply), sayExists) }

// isTimeSeriesReply reports whether an error concerns one key only, and so also that the server knows time series. The
// module puts ERR before most of its errors, even before WRONGTYPE, but not before all. It counts the arguments that it
// understands, so that their number may be wrong for one key and right for the next.
func isTimeSeriesReply(reply string) bool {
	text := strings.TrimPrefix(reply, "ERR ")
	return !redisconn.IsPassing(reply) && (strings.HasPrefix(text, "TSDB:") || strings.HasPrefix(text, "WRONGTYPE ") ||
		strings.HasPrefix(text, "wrong number of arguments for 'ts.") || isNoSeries(reply) || isExisting(reply))
}
