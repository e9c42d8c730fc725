package jpeg

// Baseline converts an image of several scans, progressive or not, to a
// sequential image of one scan, which can be indexed and decodes about three
// times as fast. Nothing is lost: it has the same coefficients, quantisation
// tables and metadata, with Huffman tables of its own. An image that has one
// sequential scan already comes back as it is.
func Baseline(src []byte) ([]byte, error) {
	var d Decoder
	if err := d.loadAll(src); err != nil {
		return nil, err
	}
	if d.oneScan {
		return src, nil
	}
	f := &d.p.frame
	blocks := 0
	for i := range f.ncomp {
		blocks += f.comp[i].h * f.comp[i].v
	}
	if f.ncomp > 1 && blocks > 10 {
		return nil, errAt(Unsupported, -1, "%d blocks in an MCU of one scan, the format allows 10", blocks)
	}
	d.fillPadding()
	out, err := d.metadata(src)
	if err != nil {
		return nil, err
	}
	out = f.appendTables(out)
	dc, ac, err := d.optimise()
	if err != nil {
		return nil, err
	}
	out = appendHuffman(out, &dc, &ac)
	out = f.appendScanHeader(out)
	e := encoder{out: out}
	for i := range min(f.ncomp, 2) {
		e.dc[i], e.ac[i] = dc[i].codes(), ac[i].codes()
	}
	d.eachBlock(func(blk *[64]int16, c int) bool {
		t := uint8(min(c, 1))
		return e.block(blk, c, t, t)
	}, func(int) {})
	e.restart()
	return append(e.out, 0xFF, markerEOI), nil
}

// loadAll reads all coefficients of an image that is complete.
func (d *Decoder) loadAll(src []byte) error {
	d.p = parser{}
	d.scan.damage = nil
	if err := d.p.toScan(src); err != nil {
		return err
	}
	f := &d.p.frame
	d.oneScan = d.p.scan.n == f.ncomp && !f.progressive
	if err := (&Options{}).admit(f); err != nil {
		return err
	}
	if !f.progressive {
		d.p.supplyTables()
	}
	blocks, err := d.placeAll(Options{})
	if err != nil {
		return err
	}
	d.coef = grow(d.coef, blocks*64)
	clear(d.coef)
	return d.readScans(Options{})
}

// fillPadding gives the blocks that only fill up MCUs the DC value of the block
// before, which costs least.
func (d *Decoder) fillPadding() {
	f := &d.p.frame
	for i := range f.ncomp {
		c := &f.comp[i]
		for y := range c.padY {
			row := d.coef[c.blockOff+y*c.blockRowStride:]
			for x := range c.padX {
				if x < c.blocksX && y < c.blocksY {
					continue
				}
				from := max(x-1, 0) * 64
				if x == 0 {
					from = -c.blockRowStride + (c.padX-1)*64
				}
				clear(row[x*64:][:64])
				d.coef[c.blockOff+y*c.blockRowStride+x*64] = d.coef[c.blockOff+y*c.blockRowStride+from]
			}
		}
	}
}

// eachBlock visits all blocks in the order of an interleaved scan, until do
// returns false. mcu is called before each MCU with its number. It tells whether
// do always returned true.
func (d *Decoder) eachBlock(do func(blk *[64]int16, c int) bool, mcu func(m int)) bool {
	f := &d.p.frame
	mcusX, mcusY := f.mcusX, f.mcusY
	if f.ncomp == 1 {
		mcusX, mcusY = f.comp[0].blocksX, f.comp[0].blocksY
	}
	for m := range mcusX * mcusY {
		mcu(m)
		for i := range f.ncomp {
			c := &f.comp[i]
			h, v := c.h, c.v
			if f.ncomp == 1 {
				h, v = 1, 1
			}
			for y := range v {
				for x := range h {
					off := c.blockOff + (m/mcusX*v+y)*c.blockRowStride + (m%mcusX*h+x)*64
					if !do((*[64]int16)(d.coef[off:]), i) {
						return false
					}
				}
			}
		}
	}
	return true
}

// metadata returns SOI and the segments of src that do not say how the scans
// are coded: application data and comments.
func (d *Decoder) metadata(src []byte) ([]byte, error) {
	out := []byte{0xFF, markerSOI}
	var p parser
	if err := p.start(src); err != nil {
		return nil, err
	}
	for {
		m, at, err := p.marker()
		if err != nil || m == markerEOI {
			return out, err
		}
		if m == markerTEM || m >= markerRST0 && m <= markerRST7 {
			continue
		}
		if _, err := p.segment(m, at); err != nil {
			return nil, err
		}
		if m >= markerAPP0 && m <= markerAPPF || m == markerCOM {
			out = append(out, src[at:p.pos]...)
		}
	}
}

// appendSegment appends a marker segment.
func appendSegment(out []byte, marker byte, body []byte) []byte {
	n := len(body) + 2
	return append(append(out, 0xFF, marker, byte(n>>8), byte(n)), body...)
}

// appendTables appends the quantisation tables in use and the frame header.
func (f *frame) appendTables(out []byte) []byte {
	tables, wide := f.distinctTables()
	for i, t := range tables {
		body := []byte{byte(i)}
		if wide {
			body[0] |= 1 << 4
		}
		for _, p := range zigzag {
			if wide {
				body = append(body, byte(t[p]>>8))
			}
			body = append(body, byte(t[p]))
		}
		out = appendSegment(out, markerDQT, body)
	}
	body := []byte{8, byte(f.height >> 8), byte(f.height), byte(f.width >> 8), byte(f.width), byte(f.ncomp)}
	for i := range f.ncomp {
		c := &f.comp[i]
		body = append(body, c.id, byte(c.h<<4|c.v), byte(f.tableOf(tables, i)))
	}
	marker := byte(markerSOF0)
	if wide {
		marker = markerSOF1
	}
	return appendSegment(out, marker, body)
}

// distinctTables returns the quantisation tables in use, at most one per
// component, and whether any has a value beyond a byte.
func (f *frame) distinctTables() (tables []*[64]uint16, wide bool) {
	for i := range f.ncomp {
		t := &f.comp[i].quant
		for _, q := range t {
			wide = wide || q > 255
		}
		if f.tableOf(tables, i) == len(tables) {
			tables = append(tables, t)
		}
	}
	return tables, wide
}

// tableOf returns the place of component i's table among tables, their number
// where it is not there.
func (f *frame) tableOf(tables []*[64]uint16, i int) int {
	for j, t := range tables {
		if *t == f.comp[i].quant {
			return j
		}
	}
	return len(tables)
}

// optimise makes Huffman tables for the first component and for the others.
func (d *Decoder) optimise() (dc, ac [2]huffSpec, err error) {
	var freq [2][2][256]int // DC or AC, table
	var pred [4]int32
	ok := d.eachBlock(func(blk *[64]int16, c int) bool {
		return visitSymbols(blk, &pred[c], func(first bool, s uint8, _ uint32, _ uint) bool {
			if first {
				freq[0][min(c, 1)][s]++
			} else {
				freq[1][min(c, 1)][s]++
			}
			return true
		})
	}, func(int) {})
	if !ok {
		return dc, ac, errAt(Unsupported, -1, "coefficient of more than 15 bits")
	}
	for i := range dc {
		dc[i], ac[i] = optimal(&freq[0][i]), optimal(&freq[1][i])
	}
	return dc, ac, nil
}

func appendHuffman(out []byte, dc, ac *[2]huffSpec) []byte {
	for class, specs := range [2]*[2]huffSpec{dc, ac} {
		for id := range specs {
			h, n := &specs[id], 0
			for _, c := range h.count {
				n += int(c)
			}
			if n > 0 {
				body := append([]byte{byte(class<<4 | id)}, h.count[:]...)
				out = appendSegment(out, markerDHT, append(body, h.value[:n]...))
			}
		}
	}
	return out
}

// appendScanHeader appends the header of a scan of all components.
func (f *frame) appendScanHeader(out []byte) []byte {
	body := []byte{byte(f.ncomp)}
	for i := range f.ncomp {
		t := byte(min(i, 1))
		body = append(body, f.comp[i].id, t<<4|t)
	}
	return appendSegment(out, markerSOS, append(body, 0, 63, 0))
}
