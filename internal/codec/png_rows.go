package codec

// unfilter undoes a row's filter in place (PNG, section 9); n is the distance to
// the byte that the filters call left.
func unfilter(filter byte, row, above []byte, n int) bool {
	above = above[:len(row)]
	switch filter {
	case 0:
	case 1: // left
		for i := n; i < len(row); i++ {
			row[i] += row[i-n]
		}
	case 2: // above
		for i, v := range above {
			row[i] += v
		}
	case 3: // their mean
		for i := range min(n, len(row)) {
			row[i] += above[i] / 2
		}
		for i := n; i < len(row); i++ {
			row[i] += byte((int(row[i-n]) + int(above[i])) / 2)
		}
	case 4:
		unpaeth(row, above, n)
	default:
		return false
	}
	return true
}

// unpaeth adds whichever of left, above and above left is nearest to left + above -
// above left (Paeth 1991).
func unpaeth(row, above []byte, n int) {
	for i := range min(n, len(row)) {
		row[i] += above[i]
	}
	for i := n; i < len(row); i++ {
		a, b, c := int(row[i-n]), int(above[i]), int(above[i-n])
		pa, pb := b-c, a-c // distances to left and above; their sum is that to above left
		pc := abs(pa + pb)
		pa, pb = abs(pa), abs(pb)
		switch {
		case pa <= pb && pa <= pc:
			row[i] += byte(a)
		case pb <= pc:
			row[i] += byte(b)
		default:
			row[i] += byte(c)
		}
	}
}

func abs(v int) int { return max(v, -v) }

// convert writes the pixels of a row from column x on as Pillow's convert("RGB")
// gives them: alpha dropped, 16 bits cut to the high byte, but 16-bit grey held at
// 255.
func (h *pngHeader) convert(out, row []byte, x int) {
	switch {
	case h.depth < 8:
		h.convertBits(out, row, x)
	case h.kind == pngPalette:
		for i, v := range row[x:][:len(out)/3] {
			copy(out[3*i:3*i+3], h.palette[v][:])
		}
	case h.kind == pngRGB && h.depth == 8:
		copy(out, row[3*x:])
	case h.kind == pngRGB || h.kind == pngRGBA:
		size := h.depth / 8
		step := h.samples * size
		for i, p := 0, row[x*step:]; i < len(out); i, p = i+3, p[step:] {
			out[i], out[i+1], out[i+2] = p[0], p[size], p[2*size]
		}
	default:
		h.convertGrey(out, row, x)
	}
}

func (h *pngHeader) convertGrey(out, row []byte, x int) {
	step := h.samples * h.depth / 8
	for i, p := 0, row[x*step:]; i < len(out); i, p = i+3, p[step:] {
		v := p[0]
		if h.depth == 16 && h.kind == pngGrey {
			v = p[1]
			if p[0] > 0 {
				v = 255
			}
		}
		out[i], out[i+1], out[i+2] = v, v, v
	}
}

// convertBits takes grey or palette samples of less than a byte.
func (h *pngHeader) convertBits(out, row []byte, x int) {
	most := 1<<h.depth - 1
	for i := 0; i < len(out); i, x = i+3, x+1 {
		at := x * h.depth
		v := int(row[at/8]) >> (8 - h.depth - at%8) & most
		if h.kind == pngPalette {
			copy(out[i:i+3], h.palette[v][:])
			continue
		}
		grey := byte(v * (255 / most))
		out[i], out[i+1], out[i+2] = grey, grey, grey
	}
}
