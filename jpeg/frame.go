package jpeg

// colourModel is what the components mean.
type colourModel uint8

const (
	colourGrey colourModel = iota
	colourYCC
	colourRGB
	colourCMYK
	colourYCCK
)

// upsampling is the method that brings a component to full size.
type upsampling uint8

const (
	upNone      upsampling = iota // full size already
	upBox                         // replication by hexp and vexp
	upFancyH2V1                   // triangle filter across
	upFancyH1V2                   // triangle filter down
	upFancyH2V2                   // triangle filter both ways
)

// component is one colour plane of a frame.
type component struct {
	id, tq         uint8
	h, v           int // sampling factors
	hexp, vexp     int // factors up to full size
	up             upsampling
	width, height  int // samples
	blocksX        int // blocks that hold samples, across
	blocksY        int // and down
	padX, padY     int // blocks in whole MCUs
	quant          [64]uint16
	quantLatched   bool
	coefBits       [64]int8 // progressive: low bits still missing per coefficient, -1 never sent
	prevBits       [10]int8 // the same before the last scan of the component
	planeOff       int      // of its strip in the sample buffer
	planeStride    int
	blockOff       int // of its first block in the coefficient store, in int16
	blockRowStride int // from one row of blocks to the next, in int16
}

// frame is what an SOF segment says and what follows from it.
type frame struct {
	width, height int
	progressive   bool
	ncomp         int
	comp          [4]component
	hmax, vmax    int
	mcuW, mcuH    int // pixels in an interleaved MCU
	mcusX, mcusY  int
	colour        colourModel
	context       bool // some component needs its neighbour row
}

func (p *parser) parseSOF(m byte, at int, seg []byte) error {
	if p.sawSOF {
		return errAt(Corrupt, at, "second frame header")
	}
	if len(seg) < 6 {
		return errAt(Corrupt, at, "frame header of %d bytes", len(seg))
	}
	f := &p.frame
	*f = frame{progressive: m == markerSOF2, ncomp: int(seg[5]), hmax: 1, vmax: 1}
	f.height, f.width = int(seg[1])<<8|int(seg[2]), int(seg[3])<<8|int(seg[4])
	switch {
	case f.width == 0 || f.height == 0 || f.ncomp == 0:
		return errAt(Corrupt, at, "empty image: %dx%d with %d components", f.width, f.height, f.ncomp)
	case len(seg) != 6+3*f.ncomp:
		return errAt(Corrupt, at, "frame header of %d bytes for %d components", len(seg), f.ncomp)
	case seg[0] != 8:
		return errAt(Unsupported, at, "%d bits per sample", seg[0])
	case f.width > 65500 || f.height > 65500:
		return errAt(Unsupported, at, "%dx%d pixels: libjpeg's limit is 65500", f.width, f.height)
	case f.ncomp == 2 || f.ncomp > 4:
		return errAt(Unsupported, at, "%d components", f.ncomp)
	}
	for i := range f.ncomp {
		c := &f.comp[i]
		b := seg[6+3*i:]
		c.id, c.h, c.v, c.tq = b[0], int(b[1]>>4), int(b[1]&15), b[2]
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return errAt(Corrupt, at, "sampling factors %dx%d", c.h, c.v)
		}
		f.hmax, f.vmax = max(f.hmax, c.h), max(f.vmax, c.v)
	}
	if f.ncomp == 1 && !f.progressive { // its MCU is one block, whatever the factors say
		f.comp[0].h, f.comp[0].v, f.hmax, f.vmax = 1, 1, 1, 1
	}
	p.sawSOF = true
	return f.layout(at)
}

// layout derives sizes and upsampling methods, as libjpeg's jdinput.c and
// jdsample.c do.
func (f *frame) layout(at int) error {
	f.mcuW, f.mcuH = 8*f.hmax, 8*f.vmax
	f.mcusX, f.mcusY = ceilDiv(f.width, f.mcuW), ceilDiv(f.height, f.mcuH)
	for i := range f.ncomp {
		c := &f.comp[i]
		if f.hmax%c.h != 0 || f.vmax%c.v != 0 {
			return errAt(Unsupported, at, "fractional sampling: %dx%d of %dx%d", c.h, c.v, f.hmax, f.vmax)
		}
		c.hexp, c.vexp = f.hmax/c.h, f.vmax/c.v
		c.width, c.height = ceilDiv(f.width*c.h, f.hmax), ceilDiv(f.height*c.v, f.vmax)
		c.blocksX, c.blocksY = ceilDiv(f.width*c.h, f.mcuW), ceilDiv(f.height*c.v, f.mcuH)
		c.padX, c.padY = f.mcusX*c.h, f.mcusY*c.v
		c.up = c.method()
		f.context = f.context || c.up == upFancyH1V2 || c.up == upFancyH2V2
		for k := range c.coefBits {
			c.coefBits[k] = -1
		}
		for k := range c.prevBits {
			c.prevBits[k] = -1
		}
	}
	return nil
}

func (c *component) method() upsampling {
	switch {
	case c.hexp == 1 && c.vexp == 1:
		return upNone
	case c.hexp == 2 && c.vexp == 1 && c.width > 2:
		return upFancyH2V1
	case c.hexp == 1 && c.vexp == 2:
		return upFancyH1V2
	case c.hexp == 2 && c.vexp == 2 && c.width > 2:
		return upFancyH2V2
	}
	return upBox
}

// setColour guesses what the components mean, by libjpeg's rules.
func (p *parser) setColour() {
	f := &p.frame
	switch f.ncomp {
	case 1:
		f.colour = colourGrey
	case 3:
		ids := [3]uint8{f.comp[0].id, f.comp[1].id, f.comp[2].id}
		rgb := ids == [3]uint8{'R', 'G', 'B'}
		if p.sawAdobe {
			rgb = p.adobeTransform == 0
		}
		f.colour = colourYCC
		if rgb && !p.sawJFIF {
			f.colour = colourRGB
		}
	case 4:
		f.colour = colourCMYK
		if p.sawAdobe && p.adobeTransform != 0 {
			f.colour = colourYCCK
		}
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
