package embedded

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

func tsInfo(c *conn, args [][]byte) {
	if len(args) > 3 {
		c.fail(errArity)
		return
	}
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	s := d.keys[string(args[1])]
	if s == nil {
		c.fail(d.missing(args[1]))
		return
	}
	debug := len(args) > 2 && resp.IsWord(args[2], "DEBUG")
	fields := 14
	if debug {
		fields += 2
	}
	c.out.Map(fields)
	c.infoCounts(s)
	c.infoLabels(s)
	c.infoRules(s)
	c.out.NamedInt("ignoreMaxTimeDiff", s.set.ignoreTime)
	c.out.Simple("ignoreMaxValDiff")
	if c.out.RESP3 {
		c.out.SampleValue(s.set.ignoreVal)
	} else {
		c.out.Bulk(string(resp.AppendDouble(nil, s.set.ignoreVal)))
	}
	if debug {
		c.infoChunks(s)
	}
}

func (c *conn) infoCounts(s *series) {
	c.out.NamedInt("totalSamples", s.count)
	c.out.NamedInt("memoryUsage", s.bytes())
	c.out.NamedInt("firstTimestamp", s.firstTS())
	c.out.NamedInt("lastTimestamp", s.lastTS)
	c.out.NamedInt("retentionTime", s.set.retention)
	c.out.NamedInt("chunkCount", int64(max(1, len(s.chunks))))
	c.out.NamedInt("chunkSize", s.set.chunkSize)
	if s.set.encoding == encodingUncompressed {
		c.out.NamedText("chunkType", "uncompressed")
	} else {
		c.out.NamedText("chunkType", "compressed")
	}
	c.out.NamedText("duplicatePolicy", strings.ToLower(s.set.policy.word()))
}

func (c *conn) infoLabels(s *series) {
	c.out.Simple("labels")
	c.allLabels(s)
}

func (c *conn) infoRules(s *series) {
	c.out.Simple("sourceKey")
	if s.source == nil {
		c.out.Null()
	} else {
		c.out.Bulk(s.source.key)
	}
	c.out.Simple("rules")
	c.out.Pairs(len(s.rules))
	for _, r := range s.rules {
		c.entry(r.dest.key, 4)
		c.out.Int(r.size)
		c.out.Simple(r.agg.upper())
		c.out.Int(r.align)
	}
}

func (c *conn) infoChunks(s *series) {
	c.out.Simple("keySelfName")
	c.out.Bulk(s.key)
	c.out.Simple("Chunks")
	c.out.Array(len(s.chunks))
	for i := range s.chunks {
		live := s.chunks[i].live()
		c.out.Map(5)
		c.out.NamedInt("startTimestamp", live[0].ts)
		c.out.NamedInt("endTimestamp", live[len(live)-1].ts)
		c.out.NamedInt("samples", int64(len(live)))
		c.out.NamedInt("size", int64(cap(s.chunks[i].buf))*sampleBytes)
		c.out.Simple("bytesPerSample")
		c.out.SampleValue(sampleBytes)
	}
}
