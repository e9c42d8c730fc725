package pixel

// The colour changes of Pillow's ImageEnhance, as torchvision's ColorJitter uses
// them. A factor of 1 changes nothing, 0 gives the extreme (black, grey, mean),
// values above 1 exaggerate.

// luma is ITU-R 601 luma in Pillow's 16-bit fixed point.
func luma(r, g, b byte) byte {
	return byte((uint32(r)*19595 + uint32(g)*38470 + uint32(b)*7471 + 0x8000) >> 16)
}

// blend moves from a towards b by the factor, in 32-bit floats and cut off to an
// integer, as Pillow's Image.blend does. Within [0, 1] nothing needs holding.
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

// towards returns blend(base, v) for every v.
func towards(table *[256]byte, base byte, factor float32) {
	for v := range table {
		table[v] = blend(base, byte(v), factor)
	}
}

// Brightness scales every channel, in place.
func Brightness(m RGB, factor float32) {
	var table [256]byte
	towards(&table, 0, factor)
	lookUp(m, &table)
}

// Contrast moves every channel away from the image's mean luma, in place.
func Contrast(m RGB, factor float32) {
	var table [256]byte
	towards(&table, meanLuma(m), factor)
	lookUp(m, &table)
}

// meanLuma returns the mean of the luma, rounded half up.
func meanLuma(m RGB) byte {
	var sum uint64
	for y := range m.Height {
		row := m.Row(y)
		var s uint32 // 255 times the width at most
		for i := 0; i+3 <= len(row); i += 3 {
			p := row[i : i+3 : i+3]
			s += uint32(luma(p[0], p[1], p[2]))
		}
		sum += uint64(s)
	}
	n := uint64(m.Width) * uint64(m.Height)
	return byte(float64(sum)/float64(n) + 0.5)
}

// Saturation moves every pixel away from its own luma, in place.
func Saturation(m RGB, factor float32) {
	for y := range m.Height {
		row := m.Row(y)
		for i := 0; i+3 <= len(row); i += 3 {
			p := row[i : i+3 : i+3]
			grey := luma(p[0], p[1], p[2])
			p[0], p[1], p[2] = blend(grey, p[0], factor), blend(grey, p[1], factor), blend(grey, p[2], factor)
		}
	}
}

// Grayscale sets all three channels to the luma, in place.
func Grayscale(m RGB) {
	for y := range m.Height {
		row := m.Row(y)
		for i := 0; i+3 <= len(row); i += 3 {
			p := row[i : i+3 : i+3]
			grey := luma(p[0], p[1], p[2])
			p[0], p[1], p[2] = grey, grey, grey
		}
	}
}

func lookUp(m RGB, table *[256]byte) {
	for y := range m.Height {
		row := m.Row(y)
		for i, v := range row {
			row[i] = table[v]
		}
	}
}
