// Package pixel holds the pixel kernels: resizing, flipping, colour changes,
// normalisation and layout change, on 8-bit RGB images.
//
// The measure of right is Pillow, bit for bit, so that a model trained with
// torchvision's transforms sees the same images. Kernels work on memory of the
// caller, allocate nothing in the steady state, and start no goroutine.
package pixel

// RGB is a view of an 8-bit image with interleaved channels: the pixel at row y
// and column x is Pix[y*Stride+3*x : y*Stride+3*x+3], red first. It does not own
// Pix.
type RGB struct {
	Pix           []byte
	Stride        int // bytes from one row to the next, at least 3*Width
	Width, Height int // pixels
}

// Row returns the bytes of row y.
func (m RGB) Row(y int) []byte { return m.Pix[y*m.Stride:][:3*m.Width] }

// Crop returns the view of the rectangle with its top left corner at (x, y).
// It must lie inside m.
func (m RGB) Crop(x, y, width, height int) RGB {
	return RGB{Pix: m.Pix[y*m.Stride+3*x:], Stride: m.Stride, Width: width, Height: height}
}

// Bytes returns the size of a packed RGB image.
func Bytes(width, height int) int { return 3 * width * height }

// Grow returns a packed image of the given size that reuses the memory of buf
// where it suffices. The pixels are undefined.
func Grow(buf *[]byte, width, height int) RGB {
	n := Bytes(width, height)
	if cap(*buf) < n {
		*buf = make([]byte, n)
	}
	*buf = (*buf)[:n]
	return RGB{Pix: *buf, Stride: 3 * width, Width: width, Height: height}
}
