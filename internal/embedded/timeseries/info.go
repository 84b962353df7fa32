package timeseries

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

func (m *Module) runInfo(c *keyspace.Session, d *keyspace.Database, args [][]byte) {
	if len(args) > 3 {
		c.Fail(keyspace.ErrArity)
		return
	}
	s := findSeries(c, d, args[1])
	if s == nil {
		return
	}
	debug := len(args) > 2 && resp.IsWord(args[2], "DEBUG")
	fields := 14
	if debug {
		fields += 2
	}
	c.Out.Map(fields)
	writeInfoCounts(c, s)
	writeInfoLabels(c, s)
	writeInfoRules(c, s)
	c.Out.NamedInt("ignoreMaxTimeDiff", s.settings.ignoreTime)
	c.Out.Simple("ignoreMaxValDiff")
	if c.Out.RESP3 {
		c.Out.SampleValue(s.settings.ignoreValue)
	} else {
		c.Out.Bulk(string(resp.AppendDouble(nil, s.settings.ignoreValue)))
	}
	if debug {
		writeInfoChunks(c, s)
	}
}

func writeInfoCounts(c *keyspace.Session, s *series) {
	c.Out.NamedInt("totalSamples", s.count)
	c.Out.NamedInt("memoryUsage", s.MemoryUsage())
	c.Out.NamedInt("firstTimestamp", s.firstTS())
	c.Out.NamedInt("lastTimestamp", s.lastTS)
	c.Out.NamedInt("retentionTime", s.settings.retention)
	c.Out.NamedInt("chunkCount", int64(max(1, len(s.chunks))))
	c.Out.NamedInt("chunkSize", s.settings.chunkSize)
	if s.settings.encoding == encodingUncompressed {
		c.Out.NamedText("chunkType", "uncompressed")
	} else {
		c.Out.NamedText("chunkType", "compressed")
	}
	c.Out.NamedText("duplicatePolicy", strings.ToLower(s.settings.policy.name()))
}

func writeInfoLabels(c *keyspace.Session, s *series) {
	c.Out.Simple("labels")
	writeAllLabels(c, s)
}

func writeInfoRules(c *keyspace.Session, s *series) {
	c.Out.Simple("sourceKey")
	if s.source == nil {
		c.Out.Null()
	} else {
		c.Out.Bulk(s.source.key)
	}
	c.Out.Simple("rules")
	c.Out.Pairs(len(s.rules))
	for _, r := range s.rules {
		writeEntryHead(c, r.dest.key, 4)
		c.Out.Int(r.bucketSize)
		c.Out.Simple(r.aggregation.upperName())
		c.Out.Int(r.align)
	}
}

func writeInfoChunks(c *keyspace.Session, s *series) {
	c.Out.Simple("keySelfName")
	c.Out.Bulk(s.key)
	c.Out.Simple("Chunks")
	c.Out.Array(len(s.chunks))
	for i := range s.chunks {
		live := s.chunks[i].live()
		c.Out.Map(5)
		c.Out.NamedInt("startTimestamp", live[0].ts)
		c.Out.NamedInt("endTimestamp", live[len(live)-1].ts)
		c.Out.NamedInt("samples", int64(len(live)))
		c.Out.NamedInt("size", int64(cap(s.chunks[i].buf))*sampleBytes)
		c.Out.Simple("bytesPerSample")
		c.Out.SampleValue(sampleBytes)
	}
}
