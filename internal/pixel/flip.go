package pixel

// FlipX mirrors m left to right, in place.
func FlipX(m RGB) {
	for y := range m.Height {
		row := m.Row(y)
		for i, j := 0, len(row)-3; i < j; i, j = i+3, j-3 {
			a, b := row[i:i+3:i+3], row[j:j+3:j+3]
			a[0], a[1], a[2], b[0], b[1], b[2] = b[0], b[1], b[2], a[0], a[1], a[2]
		}
	}
}

// FlipY mirrors m top to bottom, in place.
func FlipY(m RGB) {
	for i, j := 0, m.Height-1; i < j; i, j = i+1, j-1 {
		a, b := m.Row(i), m.Row(j)
		for k := range a {
			a[k], b[k] = b[k], a[k]
		}
	}
}

// Copy copies src into dst of the same size. They must not overlap.
func Copy(dst, src RGB) {
	for y := range dst.Height {
		copy(dst.Row(y), src.Row(y))
	}
}

// Fill sets every pixel of m.
func Fill(m RGB, colour [3]byte) {
	for y := range m.Height {
		row := m.Row(y)
		for i := 0; i+3 <= len(row); i += 3 {
			copy(row[i:], colour[:])
		}
	}
}
