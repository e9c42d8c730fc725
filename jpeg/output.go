package jpeg

import "image"

const (
	// planePad is the room left of a row of samples, for the neighbour that the
	// triangle filter needs.
	planePad = 64
	// planeSlack is the room right of it: kernels write whole vectors.
	planeSlack = 128
	// blockSlack is how many blocks kernels may read beyond those asked for.
	blockSlack = 4
)

// output turns coefficients into the caller's pixels, a strip of MCU rows at a
// time.
type output struct {
	region image.Rectangle
	dst    []byte
	stride int

	c0, c1, r0, r1 int // columns and rows of MCUs that the region needs
	next           int // pixel row to emit next

	planes []byte    // of a strip: for each component one row of the last strip, then its rows
	line   [4][]byte // a row of upsampled samples of each component
}

// begin prepares for a region.
func (o *output) begin(f *frame, region image.Rectangle, dst []byte, stride, strip int) {
	o.region, o.dst, o.stride = region, dst, stride
	o.next = region.Min.Y
	o.cover(f, region)
	size := 0
	for i := range f.ncomp {
		c := &f.comp[i]
		c.planeStride = planePad + (o.c1-o.c0)*8*c.h + planeSlack
		c.planeOff = size
		size += (1 + strip*8*c.v) * c.planeStride
		o.line[i] = grow(o.line[i], region.Dx()+2*planeSlack)
	}
	o.planes = grow(o.planes, size)
}

// cover finds the MCUs that a region needs. The samples that the triangle
// filters take from its neighbours belong to the pixels next to it.
func (o *output) cover(f *frame, region image.Rectangle) {
	left, right := max(region.Min.X-1, 0), min(region.Max.X+1, f.width)
	top, bottom := max(region.Min.Y-1, 0), min(region.Max.Y+1, f.height)
	if f.hmax == 1 {
		left, right = region.Min.X, region.Max.X
	}
	if !f.context {
		top, bottom = region.Min.Y, region.Max.Y
	}
	o.c0, o.c1 = left/f.mcuW, ceilDiv(right, f.mcuW)
	o.r0, o.r1 = top/f.mcuH, ceilDiv(bottom, f.mcuH)
}

// placeRow lays out the coefficients of so many interleaved MCUs of a row and
// returns their number.
func (o *output) placeRow(f *frame, plan *mcuPlan, mcus int) int {
	size, j := dummyBlock, 0
	for i := range f.ncomp {
		c := &f.comp[i]
		c.blockOff = size
		c.blockRowStride = (mcus*c.h + blockSlack) * 64
		for y := 0; y < c.v && j < plan.n; y++ {
			for x := range c.h {
				plan.base[j] = size + y*c.blockRowStride + x*64
				plan.step[j] = c.h * 64
				j++
			}
		}
		size += c.v * c.blockRowStride
	}
	return size
}

// transform makes the samples of one component for a row of MCUs, the first of
// the strip, from block rows that lie rowStride apart.
func (o *output) transform(c *component, coef []int16, rowStride int) {
	o.transformPart(c, coef, rowStride, 0, o.c0, o.c1)
	o.mirrorEdges(c, 1)
}

// transformPart makes the samples of MCUs from to to of row `row` of the strip;
// coef begins with their blocks.
func (o *output) transformPart(c *component, coef []int16, rowStride, row, from, to int) {
	for v := range c.v {
		out := o.planes[c.planeOff+(1+(row*c.v+v)*8)*c.planeStride:][:8*c.planeStride]
		idctRow(coef[v*rowStride:], (to-from)*c.h, &c.quant, out[planePad+(from-o.c0)*8*c.h:], c.planeStride)
	}
}

// mirrorEdges repeats the first and last samples of the image beyond it, where
// the triangle filter looks for neighbours, in n rows of MCUs.
func (o *output) mirrorEdges(c *component, n int) {
	if c.up != upFancyH2V1 && c.up != upFancyH2V2 {
		return
	}
	last := planePad + c.width - 1 - o.c0*8*c.h
	for y := range 8 * c.v * n {
		row := o.planes[c.planeOff+(1+y)*c.planeStride:][:c.planeStride]
		if o.c0 == 0 {
			row[planePad-1] = row[planePad]
		}
		if last+1 < len(row) {
			row[last+1] = row[last]
		}
	}
}

// emit writes the pixel rows that a strip of n MCU rows from r on completes.
func (o *output) emit(f *frame, r, n int) {
	end := (r + n) * f.mcuH
	if f.context && r+n < f.mcusY {
		end-- // its lower neighbour comes with the next strip
	}
	end = min(end, o.region.Max.Y)
	for ; o.next < end; o.next++ {
		o.emitRow(f, o.next, r)
	}
	for i := range f.ncomp {
		c := &f.comp[i]
		last := c.planeOff + n*8*c.v*c.planeStride
		copy(o.planes[c.planeOff:][:c.planeStride], o.planes[last:])
	}
}

// emitRow writes pixel row y of the image; r is the first MCU row of the strip.
func (o *output) emitRow(f *frame, y, r int) {
	n := o.region.Dx()
	dst := o.dst[(y-o.region.Min.Y)*o.stride:][:3*n]
	var s [4][]byte
	for i := range f.ncomp {
		s[i] = o.upsample(&f.comp[i], o.line[i], y, r)
	}
	switch f.colour {
	case colourGrey:
		greyRow(dst, s[0], n)
	case colourYCC:
		yccRow(dst, s[0], s[1], s[2], n)
	case colourRGB:
		rgbRow(dst, s[0], s[1], s[2], n)
	case colourCMYK:
		rgbRow(dst, s[0], s[1], s[2], n)
		applyBlack(dst, s[3], 255, n)
	case colourYCCK:
		yccRow(dst, s[0], s[1], s[2], n)
		applyBlack(dst, s[3], 0, n)
	}
}

// upsample returns the samples of component c for the region's part of pixel
// row y, in its plane or in line.
func (o *output) upsample(c *component, line []byte, y, r int) []byte {
	x0, n := o.region.Min.X, o.region.Dx()
	row := func(sy int) []byte {
		sy = min(max(sy, 0), c.height-1)
		return o.planes[c.planeOff+(1+sy-r*8*c.v)*c.planeStride:][:c.planeStride]
	}
	near := row(y / c.vexp)
	other := y/2 - 1 + y&1*2               // the row beyond, where vexp is 2
	x := planePad + x0/c.hexp - o.c0*8*c.h // of the first sample
	switch c.up {
	case upNone:
		return near[x:]
	case upFancyH2V1:
		upH2V1(line, near[x-1:], n+x0&1)
		return line[x0&1:]
	case upFancyH1V2:
		upH1V2(line, near[x:], row(other)[x:], int32(1+y&1), n)
		return line
	case upFancyH2V2:
		far := row(other)
		upH2V2(line, near[x-1:], far[x-1:], n+x0&1)
		return line[x0&1:]
	}
	for i := range n {
		line[i] = near[planePad+(x0+i)/c.hexp-o.c0*8*c.h]
	}
	return line
}
