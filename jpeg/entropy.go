package jpeg

import "unsafe"

// job is one block to decode.
type job struct {
	off  int // of its coefficients in the store, in bytes
	pred int // of its DC prediction in stream.pred, in bytes
	dc   *lookup
	ac   *lookup
}

// stream is a place in entropy-coded data and the blocks to decode from there.
// The assembly knows its layout.
type stream struct {
	data []byte // unstuffed, followed by overrun bytes of zeros
	pos  int    // bits
	end  int    // bits
	jobs []job
	at   int // job in progress, -1 before the first
	coef []int16
	pred [4]int32

	// Where the assembly stopped within a block: the place in zigzag order less
	// 63, the coefficients and the table. k is 0 or more between blocks.
	k     int
	block unsafe.Pointer //lint:ignore U1000 the assembly's
	table *lookup        //lint:ignore U1000 the assembly's

	perMCU int // jobs in an MCU
	bad    int // bit just after the first bad code, 0 where there was none
}

// start prepares a stream to decode jobs at its present position.
func (s *stream) start(jobs []job, coef []int16) {
	s.jobs, s.coef, s.at, s.k = jobs, coef, -1, 0
}

// done tells whether no job is left.
func (s *stream) done() bool { return s.k >= 0 && s.at+1 >= len(s.jobs) }

// runGeneric decodes all jobs of a stream, whose coefficients must be zero. It
// stops after the MCU in which the data ends; zeros stand for missing bits.
func (s *stream) runGeneric() {
	data, pos := s.data, s.pos
	inMCU := 0
	for i := range s.jobs {
		j := &s.jobs[i]
		if inMCU == 0 {
			if pos > s.end {
				break
			}
			inMCU = s.perMCU
		}
		inMCU--
		w := window(data, pos)
		e := j.dc.fast[w>>(64-lookBits)]
		if e&entrySlow != 0 {
			e = s.slow(j.dc, e, pos)
		}
		pos += int(e & 63)
		pred := &s.pred[j.pred>>2&3]
		*pred += int32(e) >> 16
		blk := (*[dummySlot * 2]int16)(s.coef[j.off>>1:])
		blk[0] = int16(*pred)
		pos = s.runAC(j.ac, blk, data, pos)
	}
	s.pos, s.at = pos, len(s.jobs)
}

// runAC decodes the coefficients of a block after the first.
func (s *stream) runAC(ac *lookup, blk *[dummySlot * 2]int16, data []byte, pos int) int {
	for k := uint32(0); k < 63; {
		w := window(data, pos)
		e := ac.fast[w>>(64-lookBits)]
		if e&entrySlow != 0 {
			e = s.slow(ac, e, pos)
			pos += int(e & 63)
			k += e >> 8 & 0xff
			blk[position[uint8(k)]&(2*dummySlot-1)] = int16(e >> 16)
			continue
		}
		pos += int(e & 63)
		k += e >> 8 & 0xff
		blk[position[uint8(k)]&(2*dummySlot-1)] = int16(e >> 16)
		if k >= 63 {
			break
		}
		w <<= e & 63 // 57 bits less lookBits remain: no reload
		e = ac.fast[w>>(64-lookBits)]
		if e&entrySlow != 0 {
			e = s.slow(ac, e, pos)
		}
		pos += int(e & 63)
		k += e >> 8 & 0xff
		blk[position[uint8(k)]&(2*dummySlot-1)] = int16(e >> 16)
	}
	return pos
}

//go:noinline
func (s *stream) slow(t *lookup, e uint32, pos int) uint32 {
	e = t.slow(window(s.data, pos), e)
	if e&entryBad != 0 && s.bad == 0 {
		s.bad = pos + badCodeBits
	}
	return e
}

// run decodes all jobs of a stream, by the fastest kernel. What is not right
// with the data the generic code finds out, from the beginning.
func (s *stream) run() {
	if runOne == nil {
		s.runGeneric()
		return
	}
	pos, pred := s.pos, s.pred
	runOne(s)
	s.verify(pos, pred)
}

// verify decodes again, with runGeneric, what a kernel gave up on: the stream
// began at pos with the given predictions.
func (s *stream) verify(pos int, pred [4]int32) {
	if s.pos <= s.end && s.done() {
		return
	}
	for i := range s.jobs {
		clear(s.coef[s.jobs[i].off>>1:][:64])
	}
	s.pos, s.pred = pos, pred
	s.runGeneric()
}
