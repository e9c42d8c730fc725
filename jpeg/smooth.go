package jpeg

// smoother estimates the low coefficients that an incomplete progressive image
// lacks from the DC values of the blocks around, as libjpeg-turbo has done since
// version 2.1 (jdcoefct.c). Complete images do not need it.
type smoother struct {
	d     *Decoder
	block []int16 // smoothed blocks of an MCU row of one component
}

// low lists the coefficients that can be estimated, in natural order by their
// place in zigzag order.
var low = [10]int{0, 1, 8, 16, 9, 2, 3, 10, 17, 24}

// smoother returns nil where the image needs no smoothing or cannot have it.
func (d *Decoder) smoother() *smoother {
	f := &d.p.frame
	useful := false
	for i := range f.ncomp {
		c := &f.comp[i]
		for _, k := range low {
			if c.quant[k] == 0 {
				return nil
			}
		}
		if c.coefBits[0] < 0 {
			return nil
		}
		for k := 1; k < len(low); k++ {
			useful = useful || c.coefBits[k] != 0
		}
	}
	if !useful || !f.progressive {
		return nil
	}
	d.smooth.d = d
	return &d.smooth
}

// transform is output.transform with smoothing, for component ci of MCU row r.
func (s *smoother) transform(ci, r int) {
	f, o := &s.d.p.frame, &s.d.out
	c := &f.comp[ci]
	n := (o.c1 - o.c0) * c.h
	stride := n * 64
	s.block = grow(s.block, c.v*stride+blockSlack*64)
	bits := c.known(s.d.p.scans, r > s.d.lastGood)
	rows := c.v
	if r == f.mcusY-1 {
		rows = c.blocksY - r*c.v
	}
	for v := range c.v {
		for x := range n {
			col := o.c0*c.h + x
			out := (*[64]int16)(s.block[v*stride+x*64:])
			*out = *(*[64]int16)(s.d.coef[c.blockOff+(r*c.v+v)*c.blockRowStride+col*64:])
			if v < rows && col < c.blocksX {
				w := s.neighbours(c, r, v, rows, col)
				c.estimate(out, &w, &bits)
			}
		}
	}
	o.transform(c, s.block, stride)
}

// known returns how many low bits of each estimable coefficient are missing,
// in rows that the last scan reached or that it did not.
func (c *component) known(scans int, before bool) (bits [10]int8) {
	copy(bits[:], c.coefBits[:])
	if before {
		bits = c.prevBits
		for k := 1; scans <= 1 && k < len(bits); k++ {
			bits[k] = -1
		}
	}
	return bits
}

// neighbours returns the DC values of the 5x5 blocks around one, repeated at
// the edges. libjpeg counts the rows of the last MCU row in a way of its own,
// which is kept.
func (s *smoother) neighbours(c *component, r, v, rows, col int) (w [5][5]int) {
	f := &s.d.p.frame
	y, last := r*rows+v, rows*f.mcusY-1
	up1, up2 := min(y, 1), min(y, 2)
	down1 := min(last-y, 1)
	down2 := min(last-y, 2)
	for i, dy := range [5]int{-up2, -up1, 0, down1, down2} {
		row := s.d.coef[c.blockOff+(r*c.v+v+dy)*c.blockRowStride:]
		for j := range w[i] {
			x := min(max(col+j-2, 0), c.blocksX-1)
			w[i][j] = int(row[x*64])
		}
	}
	return w
}

// Weights of the DC values for each estimable coefficient, where only DC values
// are known and where some others are.
var (
	weightsDC = [10][5][5]int{
		{{-2, -6, -8, -6, -2}, {-6, 6, 42, 6, -6}, {-8, 42, 152, 42, -8}, {-6, 6, 42, 6, -6}, {-2, -6, -8, -6, -2}},
		{{-1, -1, 0, 1, 1}, {-3, 13, 0, -13, 3}, {-3, 38, 0, -38, 3}, {-3, 13, 0, -13, 3}, {-1, -1, 0, 1, 1}},
		{{-1, -3, -3, -3, -1}, {-1, 13, 38, 13, -1}, {}, {1, -13, -38, -13, 1}, {1, 3, 3, 3, 1}},
		{{0, 0, 1, 0, 0}, {0, 2, 7, 2, 0}, {0, -5, -14, -5, 0}, {0, 2, 7, 2, 0}, {0, 0, 1, 0, 0}},
		{{-1, 0, 0, 0, 1}, {0, 9, 0, -9, 0}, {}, {0, -9, 0, 9, 0}, {1, 0, 0, 0, -1}},
		{{}, {0, 2, -5, 2, 0}, {1, 7, -14, 7, 1}, {0, 2, -5, 2, 0}, {}},
		{{}, {0, 1, 0, -1, 0}, {0, 2, 0, -2, 0}, {0, 1, 0, -1, 0}, {}},
		{{}, {0, 1, -3, 1, 0}, {}, {0, -1, 3, -1, 0}, {}},
		{{}, {0, 1, 0, -1, 0}, {0, -3, 0, 3, 0}, {0, 1, 0, -1, 0}, {}},
		{{}, {0, 1, 2, 1, 0}, {}, {0, -1, -2, -1, 0}, {}},
	}
	weightsAC = [6][5][5]int{
		{},
		{{}, {}, {-7, 50, 0, -50, 7}, {}, {}},
		{{0, 0, -7, 0, 0}, {0, 0, 50, 0, 0}, {}, {0, 0, -50, 0, 0}, {0, 0, 7, 0, 0}},
		{{0, 0, -1, 0, 0}, {0, 0, 13, 0, 0}, {0, 0, -24, 0, 0}, {0, 0, 13, 0, 0}, {0, 0, -1, 0, 0}},
		{{0, -1, 0, 1, 0}, {-1, 10, 0, -10, 1}, {}, {1, -10, 0, 10, -1}, {0, 1, 0, -1, 0}},
		{{}, {}, {-1, 13, -24, 13, -1}, {}, {}},
	}
)

// estimate fills in the coefficients of a block that are zero and not known to
// be so.
func (c *component) estimate(blk *[64]int16, w *[5][5]int, bits *[10]int8) {
	onlyDC := true
	for _, b := range bits[1:] {
		onlyDC = onlyDC && b == -1
	}
	weights := weightsAC[:]
	if onlyDC {
		weights = weightsDC[:]
	}
	for k := 1; k < len(weights); k++ {
		if al := bits[k]; al != 0 && blk[low[k]] == 0 {
			blk[low[k]] = int16(c.predict(k, weighted(w, &weights[k]), al))
		}
	}
	if onlyDC {
		blk[0] = int16(c.predict(0, weighted(w, &weights[0]), -1))
	}
}

func weighted(w, weights *[5][5]int) (sum int) {
	for i := range w {
		for j := range w[i] {
			sum += w[i][j] * weights[i][j]
		}
	}
	return sum
}

// predict scales a weighted sum of DC values to coefficient k, which must stay
// below the bits that are known already, all but al of them.
func (c *component) predict(k, sum int, al int8) int {
	q := int(c.quant[low[k]])
	num := int(c.quant[0]) * sum
	v := (q<<7 + max(num, -num)) / (q << 8)
	if al > 0 && v >= 1<<al {
		v = 1<<al - 1
	}
	if num < 0 {
		v = -v
	}
	return v
}
