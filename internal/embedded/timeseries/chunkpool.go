package timeseries

// Estimated sizes in bytes, for Stats and TS.INFO.
const (
	sampleBytes   = 16
	chunkBytes    = 32
	seriesBytes   = 208
	labelRefBytes = 40
	// maxFreeChunks bounds the chunks that are kept for reuse, to 8 MB. With
	// retention, one series takes the chunks that another gives up, and nothing
	// is allocated.
	maxFreeChunks = 4096
)

// chunkPool counts the samples of all series and reuses their chunks.
type chunkPool struct {
	samples int64
	max     int64
	free    [][]sample
}

// newBuffer returns the buffer of a new chunk. Only the first one of a series
// starts small.
func (p *chunkPool) newBuffer(first bool) []sample {
	if first {
		return make([]sample, 0, chunkSmall)
	}
	if n := len(p.free); n > 0 {
		return p.pop(n)
	}
	return make([]sample, 0, chunkMedium)
}

// fullBuffer returns a buffer of the largest size.
func (p *chunkPool) fullBuffer() []sample {
	if n := len(p.free); n > 0 {
		return p.pop(n)
	}
	return make([]sample, 0, chunkFull)
}

func (p *chunkPool) pop(n int) []sample {
	b := p.free[n-1]
	p.free[n-1] = nil
	p.free = p.free[:n-1]
	return b
}

// put keeps a buffer for reuse.
func (p *chunkPool) put(b []sample) {
	if cap(b) == chunkFull && len(p.free) < maxFreeChunks {
		p.free = append(p.free, b[:0])
	}
}

// grow gives a chunk a larger buffer.
func (p *chunkPool) grow(c *chunk) {
	var b []sample
	if cap(c.buf) < chunkMedium {
		b = make([]sample, 0, chunkMedium)
	} else {
		b = p.fullBuffer()
	}
	c.buf, c.head = append(b, c.live()...), 0
}
