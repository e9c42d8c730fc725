package jpeg

// mcuPlan says how the blocks of one MCU of a scan are coded and where their
// coefficients go.
type mcuPlan struct {
	n      int         // blocks
	dc, ac [10]*lookup // tables of each block
	comp   [10]uint8   // place of its component in the scan
	base   [10]int     // of the block of MCU 0 in the coefficient store, in int16
	step   [10]int     // to the next MCU
}

// appendJobs appends n MCUs, from the m-th on, or where m is negative n that go
// to the dummy block, which lies at the beginning of the coefficient store.
func (p *mcuPlan) appendJobs(jobs []job, m, n int) []job {
	for range n {
		for j := range p.n {
			off := 0
			if m >= 0 {
				off = p.base[j] + m*p.step[j]
			}
			jobs = append(jobs, job{off * 2, int(p.comp[j]) * 4, p.dc[j], p.ac[j]})
		}
		if m >= 0 {
			m++
		}
	}
	return jobs
}

// dummyBlock is the room at the beginning of a coefficient store, in int16, for
// blocks that nobody wants.
const dummyBlock = 2 * dummySlot

// scanState reads the entropy-coded data of one scan: segments, restart
// markers and what is to be done where they are damaged.
type scanState struct {
	stream
	seg      segment
	plan     mcuPlan
	interval int  // MCUs between restart markers, 0 = none
	toGo     int  // MCUs until the next
	expected byte // number 0 to 7 of the next
	empty    bool // the data of the segment is used up
	damage   *Error
	strict   bool // damage ends the scan
}

// begin starts a scan at offset start of src.
func (s *scanState) begin(src []byte, start, interval int) {
	s.interval, s.toGo, s.expected = interval, interval, 0
	s.stream = stream{perMCU: s.plan.n}
	s.nextSegment(src, start)
}

// over tells whether nothing can be gained from the rest of the scan.
func (s *scanState) over() bool {
	return s.empty && s.interval == 0 || s.strict && s.damage != nil
}

// note keeps the first damage.
func (s *scanState) note(e *Error) {
	if s.damage == nil {
		s.damage = e
	}
}

// decode decodes the MCUs of jobs. Where the data ends early the rest stays
// zero, as in libjpeg.
func (s *scanState) decode(src []byte, coef []int16, jobs []job) {
	for len(jobs) > 0 {
		n := len(jobs)
		if s.interval > 0 {
			if s.toGo == 0 {
				s.restart(src)
			}
			n = min(n, s.toGo*s.perMCU)
			s.toGo -= n / s.perMCU
		}
		if !s.empty {
			s.start(jobs[:n], coef)
			s.run()
			s.check(src)
		}
		jobs = jobs[n:]
	}
}

// check notes what went wrong in the segment so far.
func (s *scanState) check(src []byte) {
	if s.bad != 0 && s.damage == nil { // finding the place takes a walk
		s.note(errAt(Corrupt, s.seg.offset(src, s.bad-badCodeBits), "no such Huffman code"))
	}
	s.bad = 0
	if s.pos > s.seg.end {
		s.exhausted(src)
	}
}

// exhausted notes that a segment holds too little data.
func (s *scanState) exhausted(src []byte) {
	s.empty = true
	if s.damage != nil {
		return
	}
	if s.seg.at >= len(src) {
		s.note(errAt(Truncated, len(src), "file ends in a scan"))
		return
	}
	s.note(errAt(Corrupt, s.seg.at, "marker %#02x before the scan is complete", s.seg.marker))
}

// restart passes a restart marker. Where another marker is found, it recovers
// like libjpeg's jpeg_resync_to_restart.
func (s *scanState) restart(src []byte) {
	marker, at := s.seg.marker, s.seg.at
	want := s.expected
	s.expected = (want + 1) & 7
	s.toGo, s.pred = s.interval, [4]int32{}
	if marker == markerRST0+want {
		s.nextSegment(src, at+2)
		return
	}
	if s.damage == nil {
		s.note(errAt(Corrupt, at, "marker %#02x where restart marker %d was expected", marker, want))
	}
	for {
		ahead := (marker - markerRST0 - want) & 7
		switch {
		case marker >= markerSOF0 && (marker < markerRST0 || marker > markerRST7),
			marker >= markerSOF0 && (ahead == 1 || ahead == 2):
			// It lies beyond the data of this interval: leave it there.
			if s.seg.start != at || s.seg.end != 0 {
				s.seg.load(src, at, at)
				s.seg.marker, s.seg.at = marker, at
			}
			s.data, s.pos, s.end = s.seg.data, 0, 0
			return
		case marker >= markerSOF0 && ahead != 6 && ahead != 7:
			s.nextSegment(src, at+2)
			return
		}
		// A stale restart marker or no marker at all: look further.
		if marker, at = findMarker(src, at+2); at < 0 {
			marker, at = markerEOI, len(src)
		}
	}
}

func (s *scanState) nextSegment(src []byte, start int) {
	s.seg.load(src, start, 0)
	s.data, s.pos, s.end, s.empty = s.seg.data, 0, s.seg.end, false
}

// setup builds the tables and the order of blocks of a sequential scan.
func (d *Decoder) setup() error {
	h, plan := &d.p.scan, &d.scan.plan
	plan.n = 0
	for i := range h.n {
		dc, err := d.table(h.td[i], true)
		if err != nil {
			return err
		}
		ac, err := d.table(h.ta[i], false)
		if err != nil {
			return err
		}
		blocks := 1
		if h.n > 1 {
			c := &d.p.frame.comp[h.comp[i]]
			blocks = c.h * c.v
		}
		for range blocks {
			if plan.n == len(plan.dc) {
				return errAt(Corrupt, h.sosPos, "more than 10 blocks in an MCU")
			}
			plan.dc[plan.n], plan.ac[plan.n], plan.comp[plan.n] = dc, ac, uint8(i)
			plan.n++
		}
	}
	return nil
}

// table returns a Huffman table of the current scan, ready for use.
func (d *Decoder) table(id uint8, dc bool) (*lookup, error) {
	specs, tables := &d.p.ac, &d.ac
	if dc {
		specs, tables = &d.p.dc, &d.dc
	}
	if id > 3 || !specs[id].set {
		return nil, errAt(Corrupt, d.p.scan.sosPos, "scan uses Huffman table %d, which is not there", id)
	}
	return &tables[id], tables[id].build(&specs[id], dc, d.p.scan.sosPos)
}

// latch keeps the quantisation tables that the scan's components have now.
func (d *Decoder) latch() error {
	h := &d.p.scan
	for _, ci := range h.comp[:h.n] {
		c := &d.p.frame.comp[ci]
		if c.quantLatched {
			continue
		}
		if c.tq > 3 || !d.p.quantSet[c.tq] {
			return errAt(Corrupt, h.sosPos, "component %d uses quantisation table %d, which is not there", c.id, c.tq)
		}
		c.quant, c.quantLatched = d.p.quant[c.tq], true
	}
	return nil
}
