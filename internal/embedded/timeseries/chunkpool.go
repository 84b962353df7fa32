package timeseries

// Estimates for Stats and TS.INFO, in bytes.
const (
	sampleBytes   = 16
	chunkBytes    = 32
	seriesBytes   = 208
	labelRefBytes = 40
	// Full chunks kept for reuse: with retention, what one series gives up
	// feeds the next, and steady state allocates nothing. 4096 are 8 MB.
	maxFreeChunks = 4096
)

// chunkPool counts the samples of all series and recycles their chunks.
type chunkPool struct {
	samples int64
	max     int64
	free    [][]sample
}

// get returns the buffer for a new chunk; only a series' first one starts tiny.
func (p *chunkPool) get(first bool) []sample {
	if first {
		return make([]sample, 0, chunkSmall)
	}
	if n := len(p.free); n > 0 {
		return p.pop(n)
	}
	return make([]sample, 0, chunkMedium)
}

func (p *chunkPool) full() []sample {
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

func (p *chunkPool) put(b []sample) {
	if cap(b) == chunkFull && len(p.free) < maxFreeChunks {
		p.free = append(p.free, b[:0])
	}
}

// grow gives a chunk the next larger buffer.
func (p *chunkPool) grow(c *chunk) {
	var b []sample
	if cap(c.buf) < chunkMedium {
		b = make([]sample, 0, chunkMedium)
	} else {
		b = p.full()
	}
	c.buf, c.head = append(b, c.live()...), 0
}
