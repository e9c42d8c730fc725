package pixel

// The colour changes of Pillow's ImageEnhance, as torchvision's ColorJitter uses
// them. A factor of 1 changes nothing, 0 gives the extreme (black, grey, mean),
// values above 1 exaggerate.

// luma is ITU-R 601 luma in Pillow's 16-bit fixed point.
func luma(r, g, b byte) byte {
	return byte((uint32(r)*19595 + uint32(g)*38470 + uint32(b)*7471 + 0x8000) >> 16)
}

// blend moves from a towards b by the factor, in 32-bit floats and cut off to an
// integer, as Pillow's Image.blend does.
func blend(a, b byte, factor float32) byte {
	v := float32(a) + float32(factor*float32(int(b)-int(a)))
	if v <= 0 {
		return 0
	}
	if v >= 255 {
		return 255
	}
	return byte(v)
}

// Brightness scales every channel, in place.
func Brightness(m RGB, factor float32) { blendAll(m, 0, factor) }

// Contrast moves every channel away from the image's mean luma, in place.
func Contrast(m RGB, factor float32) { blendAll(m, meanLuma(m), factor) }

func blendAll(m RGB, base byte, factor float32) {
	var table [256]byte
	for v := range table {
		table[v] = blend(base, byte(v), factor)
	}
	for y := range m.Height {
		row := m.Row(y)
		row = row[wideBlend(row, base, factor):]
		for i, v := range row {
			row[i] = table[v]
		}
	}
}

// channels is a part of a row with its channels apart. Kernels work on whole
// vectors, so they spoil what lies behind the pixels.
type channels struct {
	red, green, blue [part]byte
}

// part is the most pixels of a channels, a multiple of every kernel's vector.
const part = 256

func (c *channels) load(row []byte) (n int) {
	n = min(len(row)/3, part)
	split(c.red[:n], c.green[:n], c.blue[:n], row[:3*n])
	return n
}

func (c *channels) store(row []byte, n int) {
	for i := wideMerge(row, c, n); i < n; i++ {
		p := row[3*i : 3*i+3 : 3*i+3]
		p[0], p[1], p[2] = c.red[i], c.green[i], c.blue[i]
	}
}

// luma returns the luma of the first n pixels.
func (c *channels) luma(grey *[part]byte, n int) []byte {
	if c.wideLuma(grey, n) {
		return grey[:n]
	}
	for i := range n {
		grey[i] = luma(c.red[i], c.green[i], c.blue[i])
	}
	return grey[:n]
}

// meanLuma returns the mean of the luma, rounded half up.
func meanLuma(m RGB) byte {
	var sum uint64
	var c channels
	var grey [part]byte
	for y := range m.Height {
		for row := m.Row(y); len(row) > 0; {
			n := c.load(row)
			var s uint32
			for _, v := range c.luma(&grey, n) {
				s += uint32(v)
			}
			sum += uint64(s)
			row = row[3*n:]
		}
	}
	count := float64(m.Width) * float64(m.Height)
	return byte(float64(sum)/count + 0.5)
}

// Saturation moves every pixel away from its own luma, in place.
func Saturation(m RGB, factor float32) {
	var c channels
	for y := range m.Height {
		for row := m.Row(y); len(row) > 0; {
			n := c.load(row)
			c.saturate(n, factor)
			c.store(row, n)
			row = row[3*n:]
		}
	}
}

func (c *channels) saturate(n int, factor float32) {
	if c.wideSaturate(n, factor) {
		return
	}
	for i := range n {
		r, g, b := c.red[i], c.green[i], c.blue[i]
		grey := luma(r, g, b)
		c.red[i], c.green[i], c.blue[i] = blend(grey, r, factor), blend(grey, g, factor), blend(grey, b, factor)
	}
}

// Grayscale sets all three channels to the luma, in place.
func Grayscale(m RGB) {
	var c channels
	var grey [part]byte
	for y := range m.Height {
		for row := m.Row(y); len(row) > 0; {
			n := c.load(row)
			c.luma(&grey, n)
			c.red, c.green, c.blue = grey, grey, grey
			c.store(row, n)
			row = row[3*n:]
		}
	}
}
