package jpeg

// stripRows is the number of MCU rows that are decoded together with an index:
// three streams at a time, and rows enough to keep the third busy.
const stripRows = 6

// indexedRow decodes the wanted part of one MCU row.
type indexedRow struct {
	stream
	seg  segment
	from stream // its state before the first job
}

// decodeIndexed decodes the MCUs of a region that begins at any entry of an
// index.
func (d *Decoder) decodeIndexed(opts Options) error {
	ix, err := d.parseIndex(opts.Index, opts.Unverified)
	if err != nil {
		return err
	}
	o := &d.out
	d.rowJobs(o.c0/ix.step*ix.step, o.c1)
	for r := o.r0; r < o.r1; r += stripRows {
		n := min(stripRows, o.r1-r)
		clear(d.coef)
		if d.restartWithin(&ix, r, n) {
			err = d.decodeStripWithRestarts(&ix, r, n)
		} else {
			err = d.decodeStrip(&ix, r, n)
		}
		if err != nil {
			return err
		}
		d.finishRows(r, n)
	}
	return nil
}

// mcuBefore returns the number of MCUs before those that are decoded in row r.
func (d *Decoder) mcuBefore(ix *entropyIndex, r int) int {
	return r*d.p.frame.mcusX + d.out.c0/ix.step*ix.step
}

// restartWithin tells whether a restart marker divides what is decoded of any
// of n MCU rows from r on.
func (d *Decoder) restartWithin(ix *entropyIndex, r, n int) bool {
	interval := d.p.restartInterval
	for ; interval > 0 && n > 0; n-- {
		first := d.mcuBefore(ix, r+n-1)
		if first/interval != ((r+n-1)*d.p.frame.mcusX+d.out.c1-1)/interval {
			return true
		}
	}
	return false
}

// decodeStrip decodes n MCU rows from r on, which no restart marker divides.
func (d *Decoder) decodeStrip(ix *entropyIndex, r, n int) error {
	o, start := &d.out, d.p.scan.start
	rows := d.strip[:n]
	for q := range rows {
		row := &rows[q]
		first, last := ix.span(r+q, o.c0, o.c1)
		from, to := ix.bytes(first, last)
		row.seg.load(d.p.src, start+from, start+to)
		bit, pred := ix.entry(first)
		row.stream = stream{data: row.seg.data, pos: bit & 7, end: row.seg.end, pred: pred, perMCU: d.scan.plan.n}
		row.start(d.jobs, d.coef[q*d.rowCoefs:(q+1)*d.rowCoefs])
	}
	runStreams(rows)
	for q := range rows {
		row := &rows[q]
		if row.bad != 0 || row.pos > row.end || !d.meets(ix, r+q, row) {
			return errAt(Corrupt, row.seg.offset(d.p.src, row.pos), "entropy-coded data does not fit the index")
		}
	}
	return nil
}

// meets tells whether a row that ends at an entry has got there.
func (d *Decoder) meets(ix *entropyIndex, r int, row *indexedRow) bool {
	c1 := d.out.c1
	if c1%ix.step != 0 && c1 != d.p.frame.mcusX {
		return true
	}
	_, next := ix.span(r, 0, c1)
	if next*ix.size >= len(ix.entries) {
		return true // anything may follow the last MCU
	}
	_, pred := ix.entry(next)
	if n := d.p.restartInterval; n > 0 && (r*d.p.frame.mcusX+c1)%n == 0 {
		pred = row.pred // they begin again
	}
	return row.end-row.pos < 32 && pred == row.pred
}

// runStreams decodes all rows, three at a time.
func runStreams(rows []indexedRow) {
	if runThree == nil || len(rows) < 3 {
		for i := range rows {
			rows[i].run()
		}
		return
	}
	for i := range rows {
		rows[i].from = rows[i].stream
	}
	live := [3]*stream{&rows[0].stream, &rows[1].stream, &rows[2].stream}
	for next := 3; ; next++ {
		runThree(live[0], live[1], live[2])
		ended := 0
		for live[ended].k < 0 {
			ended++
		}
		if next == len(rows) {
			runOne(live[(ended+1)%3])
			runOne(live[(ended+2)%3])
			break
		}
		live[ended] = &rows[next].stream
	}
	for i := range rows {
		rows[i].verify(rows[i].from.pos, rows[i].from.pred)
	}
}

// decodeStripWithRestarts does the same for an image with restart markers, one
// row after the other.
func (d *Decoder) decodeStripWithRestarts(ix *entropyIndex, r, n int) error {
	s, o := &d.scan, &d.out
	for q := range n {
		first, _ := ix.span(r+q, o.c0, o.c1)
		bit, pred := ix.entry(first)
		s.begin(d.p.src, d.p.scan.start+bit>>3, d.p.restartInterval)
		s.pos, s.pred = bit&7, pred
		done := d.mcuBefore(ix, r+q)
		s.toGo = s.interval - done%s.interval
		s.expected = byte(done / s.interval & 7)
		s.decode(d.p.src, d.coef[q*d.rowCoefs:(q+1)*d.rowCoefs], d.jobs)
		if s.damage != nil {
			return s.damage
		}
	}
	return nil
}
