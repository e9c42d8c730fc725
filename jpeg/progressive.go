package jpeg

// blockDecoder decodes a progressive scan's part of one block.
type blockDecoder func(s *progressiveScan, blk *[64]int16, j int)

// progressiveScan is the state of a scan that holds some bits of some
// coefficients.
type progressiveScan struct {
	*scanState
	ss, se int
	al     uint
	eobRun int // blocks to come that are at their end already
}

// readProgressive decodes the current scan of a progressive image.
func (d *Decoder) readProgressive() error {
	s, p := &d.scan, &d.p
	decode, err := d.setupProgressive()
	if err != nil {
		return err
	}
	ps := &d.progressive
	*ps = progressiveScan{scanState: s, ss: p.scan.ss, se: p.scan.se, al: uint(p.scan.al)}
	s.begin(p.src, p.scan.start, p.restartInterval)
	across, down := d.scanSize()
	v := 1
	if p.scan.n == 1 {
		v = p.frame.comp[p.scan.comp[0]].v
	}
	for row := range down {
		d.placeRow(row)
		for m := range across {
			if !s.empty {
				d.lastGood = row / v
			}
			if s.interval > 0 {
				if s.toGo == 0 {
					s.restart(p.src)
					ps.eobRun = 0
				}
				s.toGo--
			}
			if s.empty {
				continue
			}
			for j := range s.plan.n {
				decode(ps, (*[64]int16)(d.coef[s.plan.base[j]+m*s.plan.step[j]:]), j)
			}
			if s.pos > s.seg.end || s.bad != 0 {
				s.check(p.src)
			}
		}
		if s.over() {
			break
		}
	}
	return nil
}

// setupProgressive checks the scan header as libjpeg does, builds the tables
// and chooses the decoder of its blocks.
func (d *Decoder) setupProgressive() (blockDecoder, error) {
	h, f := &d.p.scan, &d.p.frame
	dcBand := h.ss == 0
	if dcBand && h.se != 0 || !dcBand && (h.ss > h.se || h.se > 63 || h.n != 1) ||
		h.ah != 0 && h.al != h.ah-1 || h.al > 13 {
		return nil, errAt(Corrupt, h.sosPos, "impossible progressive scan: coefficients %d-%d, bits %d-%d, %d components",
			h.ss, h.se, h.ah, h.al, h.n)
	}
	plan := &d.scan.plan
	plan.n = 0
	for i, ci := range h.comp[:h.n] {
		c := &f.comp[ci]
		c.advance(h, d.p.scans)
		var dc, ac *lookup
		var err error
		if dcBand && h.ah == 0 {
			dc, err = d.table(h.td[i], true)
		} else if !dcBand {
			ac, err = d.table(h.ta[i], false)
		}
		if err != nil {
			return nil, err
		}
		blocks := 1
		if h.n > 1 {
			blocks = c.h * c.v
		}
		for range blocks {
			if plan.n == len(plan.dc) {
				return nil, errAt(Corrupt, h.sosPos, "more than 10 blocks in an MCU")
			}
			plan.dc[plan.n], plan.ac[plan.n], plan.comp[plan.n] = dc, ac, uint8(i)
			plan.n++
		}
	}
	switch {
	case dcBand && h.ah == 0:
		return (*progressiveScan).dcFirst, nil
	case dcBand:
		return (*progressiveScan).dcRefine, nil
	case h.ah == 0:
		return (*progressiveScan).acFirst, nil
	}
	return (*progressiveScan).acRefine, nil
}

// advance notes which bits of which coefficients the scan brings.
func (c *component) advance(h *scanHeader, scans int) {
	for k := min(h.ss, 1); k < len(c.prevBits); k++ {
		c.prevBits[k] = 0
		if scans > 1 {
			c.prevBits[k] = c.coefBits[k]
		}
	}
	for k := h.ss; k <= h.se; k++ {
		c.coefBits[k] = int8(h.al)
	}
}

// bits takes n <= 16 bits.
func (s *stream) bits(n uint) int {
	v := window(s.data, s.pos) >> 1 >> (63 - n)
	s.pos += int(n)
	return int(v)
}

// next takes a code and its value and returns its entry.
func (s *stream) next(t *lookup) uint32 {
	e := t.fast[window(s.data, s.pos)>>(64-lookBits)]
	if e&entrySlow != 0 {
		e = s.slow(t, e, s.pos)
	}
	s.pos += int(e & 63)
	return e
}

func (s *progressiveScan) dcFirst(blk *[64]int16, j int) {
	pred := &s.pred[s.plan.comp[j]&3]
	*pred += int32(s.next(s.plan.dc[j])) >> 16
	blk[0] = int16(*pred << s.al)
}

func (s *progressiveScan) dcRefine(blk *[64]int16, _ int) {
	blk[0] |= int16(s.bits(1) << s.al)
}

func (s *progressiveScan) acFirst(blk *[64]int16, j int) {
	if s.eobRun > 0 {
		s.eobRun--
		return
	}
	ac := s.plan.ac[j]
	for k := s.ss - 1; k < s.se; {
		from := s.pos
		e := s.next(ac)
		step := int(e >> 8 & 0xff)
		if step == endOfBlock {
			s.endOfBand(ac, e, from)
			s.eobRun--
			return
		}
		k += step
		if v := int16(e >> 16); v != 0 {
			blk[position[uint8(k)]&63] = v << s.al
		}
	}
}

// endOfBand reads how many blocks have ended, beginning with this one; the
// entry e at bit from holds the code.
func (s *progressiveScan) endOfBand(ac *lookup, e uint32, from int) {
	s.eobRun = 1
	if e&entryBad != 0 {
		return // read as a plain end of block
	}
	symbol, l := ac.symbol(window(s.data, from))
	s.pos = from + l
	r := uint(symbol >> 4)
	s.eobRun = 1<<r + s.bits(r)
}

// acRefine adds a bit to the coefficients that are not zero and brings new
// ones, of that bit's size.
func (s *progressiveScan) acRefine(blk *[64]int16, j int) {
	k, ac := s.ss, s.plan.ac[j]
	for ; s.eobRun == 0 && k <= s.se; k++ {
		from := s.pos
		e := s.next(ac)
		zeros, v := int(e>>8&0xff)-1, int16(e>>16)
		if zeros+1 == endOfBlock {
			s.endOfBand(ac, e, from)
			break
		}
		if v < -1 || v > 1 { // libjpeg reads a sign and goes on
			_, l := ac.symbol(window(s.data, from))
			s.pos = from + l
			v = int16(s.bits(1)*2 - 1)
		}
		k = s.correct(blk, k, zeros)
		if v != 0 {
			blk[position[uint8(k)]&63] = v << s.al
		}
	}
	if s.eobRun > 0 {
		s.correct(blk, k, 64)
		s.eobRun--
	}
}

// correct refines coefficients from k on, passing the given number of zeros,
// and returns the place of the zero after those, or one past the band.
func (s *progressiveScan) correct(blk *[64]int16, k, zeros int) int {
	data, pos, al := s.data, s.pos, s.al&15
	w, left := window(data, pos), 57
	for ; k <= s.se; k++ {
		c := &blk[zigzag[k&63]]
		v := *c
		if v == 0 {
			if zeros == 0 {
				break
			}
			zeros--
			continue
		}
		if left == 0 {
			w, left = window(data, pos), 57
		}
		// A one moves the value away from zero, unless the bit is set already.
		add := int16(w>>63) &^ (v >> al) << al
		sign := v >> 15
		*c = v + (add ^ sign) - sign
		w <<= 1
		pos++
		left--
	}
	s.pos = pos
	return k
}
