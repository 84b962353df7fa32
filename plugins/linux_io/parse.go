package linuxio

import (
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Counters of a device that are reported.
const (
	reads = iota
	writes
	readBytes
	writeBytes
	readTime
	writeTime
	numCounters
)

// counterMetric holds the metric names of a counter and of its rate.
type counterMetric struct {
	total, rate string
	unit        telemetry.Unit
}

func counterMetrics() [numCounters]counterMetric {
	return [numCounters]counterMetric{
		reads:      {"io_reads", "diskio_reads_rate", telemetry.Operations},
		writes:     {"io_writes", "diskio_writes_rate", telemetry.Operations},
		readBytes:  {"io_read_bytes", "diskio_read_bytes_rate", telemetry.Bytes},
		writeBytes: {"io_write_bytes", "diskio_write_bytes_rate", telemetry.Bytes},
		readTime:   {"io_read_time_ms", "diskio_read_time_rate", telemetry.Milliseconds},
		writeTime:  {"io_write_time_ms", "diskio_write_time_rate", telemetry.Milliseconds},
	}
}

// deviceStats are the readings of one device.
type deviceStats struct {
	counters [numCounters]float64
	busy     float64 // milliseconds with requests in flight
	hasBusy  bool
	inFlight float64 // requests now
	weighted float64 // milliseconds, each multiplied by the requests in flight
	hasQueue bool    // inFlight and weighted

	discards, discardBytes float64
	hasDiscards            bool
	flushes                float64
	hasFlushes             bool
}

// Columns of /proc/diskstats after the name (Documentation/admin-guide/iostats.rst). Linux 4.18 added four for discards,
// 5.5 two for flushes. Partitions of early 2.6 kernels have only four.
const (
	colReads        = 0
	colReadSectors  = 2
	colReadTime     = 3
	colWrites       = 4
	colWriteSectors = 6
	colWriteTime    = 7
	colInFlight     = 8
	colBusy         = 9
	colWeighted     = 10
	minColumns      = 11

	colDiscards       = 11
	colDiscardSectors = 13
	discardColumns    = 15
	colFlushes        = 15
	flushColumns      = 17
	maxColumns        = flushColumns
)

// sectorSize is the unit of /proc/diskstats in bytes, whatever sector size a device has.
const sectorSize = 512

// parseDevice parses one line of /proc/diskstats: major, minor, name and counters. ok is false for lines with fewer
// columns than a whole device has.
func parseDevice(line []byte) (name []byte, s deviceStats, ok bool) {
	_, rest := scan.CutField(line)
	_, rest = scan.CutField(rest)
	name, rest = scan.CutField(rest)
	var columns [maxColumns]uint64
	n := scan.ParseUints(rest, columns[:])
	if len(name) == 0 || n < minColumns {
		return nil, s, false
	}
	s.counters = [numCounters]float64{
		reads:      float64(columns[colReads]),
		writes:     float64(columns[colWrites]),
		readBytes:  float64(columns[colReadSectors]) * sectorSize,
		writeBytes: float64(columns[colWriteSectors]) * sectorSize,
		readTime:   float64(columns[colReadTime]),
		writeTime:  float64(columns[colWriteTime]),
	}
	s.inFlight = float64(columns[colInFlight])
	s.busy, s.weighted = float64(columns[colBusy]), float64(columns[colWeighted])
	s.hasBusy, s.hasQueue = true, true
	s.discards, s.discardBytes, s.hasDiscards = float64(columns[colDiscards]), float64(columns[colDiscardSectors])*sectorSize, n >= discardColumns
	s.flushes, s.hasFlushes = float64(columns[colFlushes]), n >= flushColumns
	return name, s, true
}
