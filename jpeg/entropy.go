package jpeg

// mcuPlan says how the blocks of one MCU of a scan are coded and where their
// coefficients go.
type mcuPlan struct {
	n      int         // blocks
	dc, ac [10]*lookup // tables of each block
	comp   [10]uint8   // place of its component in the scan
	base   [10]int     // of the block of MCU 0 in the coefficient store
	step   [10]int     // to the next MCU
}

// stream is a place in entropy-coded data.
type stream struct {
	data []byte // of a segment
	pos  int    // bits
	pred [4]int32
	bad  int // position just after the first bad code, 0 where there was none
}

// store decodes n MCUs, from the m-th on of those that plan places in coef,
// where their blocks must be zero. It stops after the MCU in which the data
// ends, which is at bit end.
func (s *stream) store(plan *mcuPlan, coef []int16, m, n, end int) {
	data, pos := s.data, s.pos
	for last := m + n; m < last && pos <= end; m++ {
		for j := 0; j < plan.n; j++ {
			dc := plan.dc[j]
			w := window(data, pos)
			e := dc.fast[w>>(64-lookBits)]
			if e&entrySlow != 0 {
				e = s.slow(dc, e, pos)
			}
			pos += int(e & 63)
			pred := &s.pred[plan.comp[j]&3]
			*pred += int32(e) >> 16
			off := plan.base[j] + m*plan.step[j]
			blk := (*[dummySlot * 2]int16)(coef[off : off+dummySlot*2])
			blk[0] = int16(*pred)
			pos = s.storeAC(plan.ac[j], blk, data, pos)
		}
	}
	s.pos = pos
}

// storeAC decodes the coefficients of a block after the first.
func (s *stream) storeAC(ac *lookup, blk *[dummySlot * 2]int16, data []byte, pos int) int {
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
		// A window holds 57 bits, a fast entry at most lookBits: no reload.
		if k >= 63 {
			break
		}
		w <<= e & 63
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

// skip passes over n MCUs; it only keeps the DC predictions up to date.
func (s *stream) skip(plan *mcuPlan, n, end int) {
	data, pos := s.data, s.pos
	for ; n > 0 && pos <= end; n-- {
		for j := 0; j < plan.n; j++ {
			dc, ac := plan.dc[j], plan.ac[j]
			w := window(data, pos)
			e := dc.fast[w>>(64-lookBits)]
			if e&entrySlow != 0 {
				e = s.slow(dc, e, pos)
			}
			pos += int(e & 63)
			s.pred[plan.comp[j]&3] += int32(e) >> 16
			for k := uint32(0); k < 63; k += e >> 8 & 0xff {
				w := window(data, pos)
				e = ac.fast[w>>(64-lookBits)]
				if e&entrySlow != 0 {
					e = s.slow(ac, e, pos)
				}
				pos += int(e & 63)
			}
		}
	}
	s.pos = pos
}

//go:noinline
func (s *stream) slow(t *lookup, e uint32, pos int) uint32 {
	e = t.slow(window(s.data, pos), e)
	if e&entryBad != 0 && s.bad == 0 {
		s.bad = pos + badCodeBits
	}
	return e
}
