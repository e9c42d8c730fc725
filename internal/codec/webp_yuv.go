package codec

import (
	"image"

	"stoker/internal/pixel"
)

// upsample converts the part of a VP8 frame with its top left corner at from into
// RGB, with the pixels of libwebp's default "fancy" upsampling: each chroma sample
// is 9/16, 3/16, 3/16 and 1/16 of the nearest four, in two roundings.
func upsample(dst pixel.RGB, m *image.YCbCr, from image.Point) {
	width, height := m.Rect.Dx(), m.Rect.Dy()
	for y := range dst.Height {
		line := from.Y + y
		near := line / 2
		far := near + 1 // of the two chroma rows around, the one less near
		if line%2 == 0 {
			far = near - 1
		}
		far = min(max(far, 0), (height+1)/2-1)
		c := chromaRows{
			cb: m.Cb[near*m.CStride:], cbFar: m.Cb[far*m.CStride:],
			cr: m.Cr[near*m.CStride:], crFar: m.Cr[far*m.CStride:],
			last: (width+1)/2 - 1,
		}
		luma := m.Y[line*m.YStride+from.X:]
		row := dst.Row(y)
		for i := range dst.Width {
			u, v := c.at(from.X + i)
			yuvToRGB(row[3*i:3*i+3:3*i+3], int(luma[i]), u, v)
		}
	}
}

// chromaRows are the chroma rows near and less near to a line of luma.
type chromaRows struct {
	cb, cbFar, cr, crFar []byte
	last                 int // their last column
}

// at returns the chroma at luma column x. Beyond the edges columns repeat.
func (c *chromaRows) at(x int) (u, v int) {
	near := x / 2
	far := near + 1
	if x%2 == 0 {
		far = near - 1
	}
	if far < 0 || far > c.last {
		return edge(c.cb[near], c.cbFar[near]), edge(c.cr[near], c.crFar[near])
	}
	u = inner(c.cb[near], c.cb[far], c.cbFar[near], c.cbFar[far])
	return u, inner(c.cr[near], c.cr[far], c.crFar[near], c.crFar[far])
}

func edge(near, far byte) int { return (3*int(near) + int(far) + 2) >> 2 }

// inner weighs the nearest sample 9, the two beside it 3, the one across 1.
func inner(near, side, above, across byte) int {
	sum := int(near) + int(side) + int(above) + int(across) + 8
	return ((sum+2*(int(side)+int(above)))>>3 + int(near)) >> 1
}

// yuvToRGB is BT.601 with video range, in libwebp's fixed point.
func yuvToRGB(p []byte, y, u, v int) {
	luma := y * 19077 >> 8
	p[0] = clip14(luma + v*26149>>8 - 14234)
	p[1] = clip14(luma - u*6419>>8 - v*13320>>8 + 8708)
	p[2] = clip14(luma + u*33050>>8 - 17685)
}

// clip14 drops 6 fraction bits and holds to 0..255.
func clip14(v int) byte { return byte(min(max(v, 0)>>6, 255)) }
