package jpeg

import "image"

// decodeScans decodes an image of several scans: progressive, or sequential
// with its components apart. All its coefficients are held at once.
func (d *Decoder) decodeScans(dst []byte, stride int, region image.Rectangle, opts Options) error {
	f, o := &d.p.frame, &d.out
	blocks, err := d.placeAll(opts)
	if err != nil {
		return err
	}
	d.coef = grow(d.coef, blocks*64)
	clear(d.coef)
	if err := d.readScans(opts); err != nil {
		return err
	}
	o.begin(f, region, dst, stride, 1)
	smooth := d.smoother()
	for r := o.r0; r < o.r1; r++ {
		for i := range f.ncomp {
			c := &f.comp[i]
			at := c.blockOff + r*c.v*c.blockRowStride
			if smooth != nil {
				smooth.transform(i, r)
			} else {
				o.transform(c, d.coef[at+o.c0*c.h*64:], c.blockRowStride)
			}
		}
		o.emit(f, r, 1)
	}
	return nil
}

// placeAll lays out the coefficients of the whole image and returns the number
// of blocks. A complete image spends a bit on each block at least, which keeps
// a short file from asking for much memory.
func (d *Decoder) placeAll(opts Options) (int, error) {
	f := &d.p.frame
	coded, size := 0, dummyBlock/64
	for i := range f.ncomp {
		c := &f.comp[i]
		// One block to spare in each row takes the dummy slot of the last.
		c.blockOff, c.blockRowStride = size*64, (c.padX+1)*64
		size += (c.padX + 1) * c.padY
		coded += c.blocksX * c.blocksY
	}
	if !opts.Partial && coded > 8*(len(d.p.src)-d.p.scan.start) {
		return 0, errAt(Truncated, len(d.p.src), "file ends too early for an image of %dx%d pixels", f.width, f.height)
	}
	return size + blockSlack, nil
}

// readScans decodes all scans into the coefficient store.
func (d *Decoder) readScans(opts Options) error {
	limit := opts.MaxScans
	if limit == 0 {
		limit = DefaultMaxScans
	}
	d.scan.strict = !opts.Partial
	for {
		if d.p.scans > limit {
			return errAt(TooLarge, d.p.scan.sosPos, "more than %d scans", limit)
		}
		if err := d.readScan(); err != nil {
			return err
		}
		if d.scan.damage != nil && !opts.Partial {
			return d.scan.damage
		}
		d.p.pos = d.scan.seg.at
		ok, err := d.p.next()
		if err != nil && opts.Partial {
			d.scan.note(err.(*Error))
			return nil
		}
		if err != nil || !ok {
			return err
		}
	}
}

func (d *Decoder) readScan() error {
	if err := d.latch(); err != nil {
		return err
	}
	if d.p.frame.progressive {
		return d.readProgressive()
	}
	if err := d.setup(); err != nil {
		return err
	}
	s := &d.scan
	s.begin(d.p.src, d.p.scan.start, d.p.restartInterval)
	across, down := d.scanSize()
	for row := range down {
		d.placeRow(row)
		d.jobs = s.plan.appendJobs(d.jobs[:0], 0, across)
		s.decode(d.p.src, d.coef, d.jobs)
		if s.over() {
			break
		}
	}
	return nil
}

// scanSize returns the number of MCUs of the current scan, across and down.
func (d *Decoder) scanSize() (across, down int) {
	f, h := &d.p.frame, &d.p.scan
	if h.n > 1 {
		return f.mcusX, f.mcusY
	}
	c := &f.comp[h.comp[0]]
	return c.blocksX, c.blocksY
}

// placeRow points the plan to the coefficients of a row of MCUs.
func (d *Decoder) placeRow(row int) {
	h, plan := &d.p.scan, &d.scan.plan
	j := 0
	for _, ci := range h.comp[:h.n] {
		c := &d.p.frame.comp[ci]
		w, v := c.h, c.v
		if h.n == 1 {
			w, v = 1, 1
		}
		for y := range v {
			for x := range w {
				plan.base[j] = c.blockOff + (row*v+y)*c.blockRowStride + x*64
				plan.step[j] = w * 64
				j++
			}
		}
	}
}
