package pixel

import "math"

// Hue turns the hue of every pixel by shift/256 of the circle, in place: to
// Pillow's 8-bit HSV and back, adding shift modulo 256. Both conversions round,
// so a shift of 0 changes pixels too.
func Hue(m RGB, shift uint8) {
	var c channels
	for y := range m.Height {
		for row := m.Row(y); len(row) > 0; {
			n := c.load(row)
			c.hue(n, shift)
			c.store(row, n)
			row = row[3*n:]
		}
	}
}

func (c *channels) hue(n int, shift uint8) {
	if c.wideHue(n, shift) {
		return
	}
	for i := range n {
		h, s, v := toHSV(c.red[i], c.green[i], c.blue[i])
		c.red[i], c.green[i], c.blue[i] = fromHSV(h+shift, s, v)
	}
}

// toHSV converts as Pillow's convert("HSV"): 32-bit float variables, 64-bit
// expressions, cut off to integers.
func toHSV(r, g, b byte) (h, s, v byte) {
	hi, lo := max(r, g, b), min(r, g, b)
	if hi == lo {
		return 0, 0, hi
	}
	spread := float32(hi - lo)
	rc, gc, bc := float32(hi-r)/spread, float32(hi-g)/spread, float32(hi-b)/spread
	var hue float32
	switch hi {
	case r:
		hue = bc - gc
	case g:
		hue = float32(2 + float64(rc) - float64(bc))
	default:
		hue = float32(4 + float64(gc) - float64(rc))
	}
	turn := float64(hue)/6 + 1 // 5/6 to 11/6
	if turn >= 1 {
		turn--
	}
	hue = float32(turn)
	return byte(float64(hue) * 255), byte(float64(spread/float32(hi)) * 255), hi
}

// fromHSV converts as Pillow's convert("RGB") of an HSV image.
func fromHSV(h, s, v byte) (r, g, b byte) {
	if s == 0 {
		return v, v, v
	}
	sector := math.Floor(float64(h) * 6 / 255)
	f := float32(float64(h)*6/255 - sector)
	fs := float32(float64(s) / 255)
	value := float64(v)
	p := roundAway(value * (1 - float64(fs)))
	q := roundAway(value * (1 - float64(fs*f)))
	t := roundAway(value * (1 - float64(float64(fs)*(1-float64(f)))))
	switch int(sector) % 6 {
	case 0:
		return v, t, p
	case 1:
		return q, v, p
	case 2:
		return p, v, t
	case 3:
		return p, q, v
	case 4:
		return t, p, v
	}
	return v, p, q
}

// roundAway rounds x in [0, 255] half up. The conversion keeps x, a product, from
// being fused with the addition.
func roundAway(x float64) byte { return byte(float64(x) + 0.5) }

// HueShift returns the shift for a part of the circle in [-0.5, 0.5]: 255 times it,
// cut off towards zero, modulo 256, as torchvision does.
func HueShift(part float64) uint8 { return uint8(int(part * 255)) }
