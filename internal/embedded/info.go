package embedded

import "strings"

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
	debug := len(args) > 2 && is(args[2], "DEBUG")
	fields := 14
	if debug {
		fields += 2
	}
	c.out.mapOf(fields)
	c.infoCounts(s)
	c.infoLabels(s)
	c.infoRules(s)
	c.infoInt("ignoreMaxTimeDiff", s.set.ignoreTime)
	c.out.simple("ignoreMaxValDiff")
	if c.out.resp3 {
		c.out.value(s.set.ignoreVal)
	} else {
		c.out.bulk(string(appendValue3(nil, s.set.ignoreVal)))
	}
	if debug {
		c.infoChunks(s)
	}
}

func (c *conn) infoInt(name string, n int64) {
	c.out.simple(name)
	c.out.int(n)
}

func (c *conn) infoText(name, text string) {
	c.out.simple(name)
	c.out.simple(text)
}

func (c *conn) infoCounts(s *series) {
	c.infoInt("totalSamples", s.count)
	c.infoInt("memoryUsage", s.bytes())
	c.infoInt("firstTimestamp", s.firstTS())
	c.infoInt("lastTimestamp", s.lastTS)
	c.infoInt("retentionTime", s.set.retention)
	c.infoInt("chunkCount", int64(max(1, len(s.chunks))))
	c.infoInt("chunkSize", s.set.chunkSize)
	if s.set.encoding == encodingUncompressed {
		c.infoText("chunkType", "uncompressed")
	} else {
		c.infoText("chunkType", "compressed")
	}
	c.infoText("duplicatePolicy", strings.ToLower(s.set.policy.word()))
}

func (c *conn) infoLabels(s *series) {
	c.out.simple("labels")
	c.allLabels(s)
}

func (c *conn) infoRules(s *series) {
	c.out.simple("sourceKey")
	if s.source == nil {
		c.out.null()
	} else {
		c.out.bulk(s.source.key)
	}
	c.out.simple("rules")
	c.out.pairs(len(s.rules))
	for _, r := range s.rules {
		c.entry(r.dest.key, 4)
		c.out.int(r.size)
		c.out.simple(r.agg.upper())
		c.out.int(r.align)
	}
}

func (c *conn) infoChunks(s *series) {
	c.out.simple("keySelfName")
	c.out.bulk(s.key)
	c.out.simple("Chunks")
	c.out.array(len(s.chunks))
	for i := range s.chunks {
		live := s.chunks[i].live()
		c.out.mapOf(5)
		c.infoInt("startTimestamp", live[0].ts)
		c.infoInt("endTimestamp", live[len(live)-1].ts)
		c.infoInt("samples", int64(len(live)))
		c.infoInt("size", int64(cap(s.chunks[i].buf))*sampleBytes)
		c.out.simple("bytesPerSample")
		c.out.value(sampleBytes)
	}
}
