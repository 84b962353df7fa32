package linuxio

import (
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// What is reported of a device.
const (
	reads = iota
	writes
	readBytes
	writeBytes
	readTime
	writeTime
	numCounters
)

type counter struct {
	total, rate string
	unit        telemetry.Unit
}

func counterNames() [numCounters]counter {
	return [numCounters]counter{
		reads:      {"io_reads", "diskio_reads_rate", telemetry.Operations},
		writes:     {"io_writes", "diskio_writes_rate", telemetry.Operations},
		readBytes:  {"io_read_bytes", "diskio_read_bytes_rate", telemetry.Bytes},
		writeBytes: {"io_write_bytes", "diskio_write_bytes_rate", telemetry.Bytes},
		readTime:   {"io_read_time_ms", "diskio_read_time_rate", telemetry.Milliseconds},
		writeTime:  {"io_write_time_ms", "diskio_write_time_rate", telemetry.Milliseconds},
	}
}

// stats are the readings of one device.
type stats struct {
	counters [numCounters]float64
	inFlight float64 // requests, right now
	busy     float64 // milliseconds with requests in flight
	weighted float64 // milliseconds, each as often as there were requests in flight

	discards, discardBytes float64
	hasDiscards            bool
	flushes                float64
	hasFlushes             bool
}

// Columns of /proc/diskstats behind the name: Documentation/admin-guide/iostats.rst. Kernel 4.18 added four for
// discards, 5.5 two for flushes; partitions of early 2.6 kernels have only four.
const (
	colReads       = 0
	colReadSectors = 2
	colReadTime    = 3
	colWrites      = 4
	colWriteSector = 6
	colWriteTime   = 7
	colInFlight    = 8
	colBusy        = 9
	colWeighted    = 10
	minColumns     = 11

	colDiscards       = 11
	colDiscardSectors = 13
	discardColumns    = 15
	colFlushes        = 15
	flushColumns      = 17
	maxColumns        = flushColumns
)

// sector is the unit of /proc/diskstats in bytes, whatever the device's own sectors are.
const sector = 512

// parseDevice reads one line of /proc/diskstats: major, minor, name and counters. Lines with fewer columns than a
// whole device has are not ok.
func parseDevice(line []byte) (name []byte, s stats, ok bool) {
	_, rest := scan.Field(line)
	_, rest = scan.Field(rest)
	name, rest = scan.Field(rest)
	var columns [maxColumns]uint64
	n := scan.Uints(rest, columns[:])
	if len(name) == 0 || n < minColumns {
		return nil, s, false
	}
	s.counters = [numCounters]float64{
		reads:      float64(columns[colReads]),
		writes:     float64(columns[colWrites]),
		readBytes:  float64(columns[colReadSectors]) * sector,
		writeBytes: float64(columns[colWriteSector]) * sector,
		readTime:   float64(columns[colReadTime]),
		writeTime:  float64(columns[colWriteTime]),
	}
	s.inFlight = float64(columns[colInFlight])
	s.busy, s.weighted = float64(columns[colBusy]), float64(columns[colWeighted])
	s.discards, s.discardBytes, s.hasDiscards = float64(columns[colDiscards]), float64(columns[colDiscardSectors])*sector, n >= discardColumns
	s.flushes, s.hasFlushes = float64(columns[colFlushes]), n >= flushColumns
	return name, s, true
}
