package jpeg

import "math/rand/v2"

// encoded describes an image that the tests write themselves, coefficient by
// coefficient, because no tool makes it.
type encoded struct {
	w, h     int
	sampling [][2]int
	ids      []byte
	head     []byte // segments between SOI and the tables
	interval int
	quant    byte
	large    bool // coefficients far beyond what an encoder makes
}

// bitWriter writes entropy-coded data.
type bitWriter struct {
	out []byte
	acc uint64
	n   uint
}

func (b *bitWriter) put(v uint32, n int) {
	b.acc = b.acc<<n | uint64(v)&(1<<n-1)
	b.n += uint(n)
	for b.n >= 8 {
		b.n -= 8
		c := byte(b.acc >> b.n)
		b.out = append(b.out, c)
		if c == 0xFF {
			b.out = append(b.out, 0)
		}
	}
}

func (b *bitWriter) flush() {
	if b.n > 0 {
		b.put(0xFF, 8-int(b.n))
	}
}

// value writes a coefficient: symbol run<<4|size as an 8-bit code, then its bits.
func (b *bitWriter) value(v, run int, codes *[256]int) {
	size, bits := 0, v
	for a := max(v, -v); a > 0; a >>= 1 {
		size++
	}
	if v < 0 {
		bits = v + 1<<size - 1
	}
	b.put(uint32(codes[run<<4|size]), 8)
	b.put(uint32(bits), size)
}

// segmentOf prefixes a marker and length.
func segmentOf(marker byte, body ...byte) []byte {
	n := len(body) + 2
	return append([]byte{0xFF, marker, byte(n >> 8), byte(n)}, body...)
}

// encode writes a baseline image with random coefficients.
func (e encoded) encode(rng *rand.Rand) []byte {
	out := append([]byte{0xFF, markerSOI}, e.head...)
	table := []byte{0}
	for range 64 {
		table = append(table, e.quant)
	}
	out = append(out, segmentOf(markerDQT, table...)...)
	n := len(e.sampling)
	sof := []byte{8, byte(e.h >> 8), byte(e.h), byte(e.w >> 8), byte(e.w), byte(n)}
	sos := []byte{byte(n)}
	hmax, vmax := 1, 1
	for i, s := range e.sampling {
		sof = append(sof, e.ids[i], byte(s[0]<<4|s[1]), 0)
		sos = append(sos, e.ids[i], 0)
		hmax, vmax = max(hmax, s[0]), max(vmax, s[1])
	}
	out = append(out, segmentOf(markerSOF1, sof...)...)
	dc, ac, codes := flatTables()
	out = append(out, segmentOf(markerDHT, append(dc, ac...)...)...)
	out = append(out, segmentOf(markerDRI, byte(e.interval>>8), byte(e.interval))...)
	out = append(out, segmentOf(markerSOS, append(sos, 0, 63, 0)...)...)
	order := e.sampling
	if n == 1 { // not interleaved: an MCU is one block
		order, hmax, vmax = [][2]int{{1, 1}}, 1, 1
	}
	mcus := ceilDiv(e.w, 8*hmax) * ceilDiv(e.h, 8*vmax)
	w := &bitWriter{}
	for m := range mcus {
		if e.interval > 0 && m > 0 && m%e.interval == 0 {
			w.flush()
			w.out = append(w.out, 0xFF, markerRST0+byte(m/e.interval-1)&7)
		}
		for _, s := range order {
			for range s[0] * s[1] {
				e.block(w, rng, codes)
			}
		}
	}
	w.flush()
	return append(append(out, w.out...), 0xFF, markerEOI)
}

// flatTables gives every symbol an 8-bit code.
func flatTables() (dc, ac []byte, codes *[256]int) {
	codes = new([256]int)
	counts := func(n byte) []byte { return append(make([]byte, 7), n, 0, 0, 0, 0, 0, 0, 0, 0) }
	dc = append([]byte{0x00}, counts(16)...)
	for s := range 16 {
		dc = append(dc, byte(s))
	}
	ac = append([]byte{0x10}, counts(255)...)
	for s := range 255 {
		codes[s] = s
		ac = append(ac, byte(s))
	}
	return dc, ac, codes
}

func (e encoded) block(w *bitWriter, rng *rand.Rand, codes *[256]int) {
	limit := 40
	if e.large {
		limit = 1 << (1 + rng.IntN(14))
	}
	w.value(rng.IntN(2*limit+1)-limit, 0, codes)
	for k := 1; k < 64; {
		run := rng.IntN(20)
		if run > 15 || k+run > 63 {
			w.put(0, 8) // end of block
			return
		}
		v := rng.IntN(limit)/(1+k/4) + 1
		if rng.IntN(2) == 0 {
			v = -v
		}
		w.value(v, run, codes)
		k += run + 1
	}
}
