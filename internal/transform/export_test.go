package transform

import "image"

// Widen makes d ask for whole images everywhere: the plain way that Decide saves.
func (d *Decision) Widen(width, height int) {
	for i := range d.n {
		s := &d.steps[i]
		s.window = image.Rect(0, 0, s.outWidth, s.outHeight)
	}
	d.Region = image.Rect(0, 0, width, height)
}
