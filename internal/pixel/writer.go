package pixel

import (
	"encoding/binary"
	"math"

	"stoker/internal/tensor"
)

// Version names the pixels of this package's kernels. It changes whenever one of
// them gives another byte.
const Version = "pixel/1"

// Writer turns images into samples of a batch: element type, normalisation and
// layout. It does not change and may be shared between goroutines.
type Writer struct {
	dtype  tensor.DType
	layout tensor.Layout
	floats [3][256]float32 // value of a channel's byte
	halves [3][256]uint16  // the same in a 16-bit float dtype
	scales [4]scale        // of rows of red, of green, of blue, of pixels
	exact  bool            // the kernels give the values of the tables
}

// scale holds mean, standard deviation and its inverse for every element of a
// pattern that repeats.
type scale struct{ mean, std, inverse [pattern]float32 }

// pattern is how many elements a kernel converts at a time: whole vectors, whole
// pixels.
const pattern = 24

// NewWriter returns a Writer for dtype Uint8, Float32, Float16 or BFloat16. A float
// element is (x/255 - mean) / std, each operation rounded to float32 as torchvision's
// ToTensor and Normalize do, the 16-bit dtypes then rounded to nearest even; where
// mean and std are nil it is x/255. Uint8 copies.
func NewWriter(dtype tensor.DType, layout tensor.Layout, mean, std *[3]float64) *Writer {
	w := &Writer{dtype: dtype, layout: layout}
	m, s := [3]float32{}, [3]float32{1, 1, 1}
	for c := range 3 {
		if mean != nil {
			m[c], s[c] = float32(mean[c]), float32(std[c])
		}
		for x := range 256 {
			v := float32(float32(x)/255) - m[c]
			v /= s[c]
			w.floats[c][x], w.halves[c][x] = v, w.half(v)
		}
	}
	for k := range w.scales {
		for i := range pattern {
			c := k
			if k == 3 {
				c = i % 3
			}
			w.scales[k].mean[i], w.scales[k].std[i], w.scales[k].inverse[i] = m[c], s[c], 1/s[c]
		}
	}
	w.exact = w.verify()
	return w
}

// verify compares the kernels with the tables for every byte and channel. They
// divide by multiplying and correcting, which rounds right for nearly all divisors.
func (w *Writer) verify() bool {
	const n = 264 // 256 in whole patterns
	var src [n]byte
	for i := range src {
		src[i] = byte(i)
	}
	var got, want [4 * n]byte
	for c := range 3 {
		wideScale(got[:], src[:], w.dtype, &w.scales[c])
		w.lookUp(want[:], src[:], c, 0)
		if got != want {
			return false
		}
	}
	return true
}

func (w *Writer) half(v float32) uint16 {
	if w.dtype == tensor.BFloat16 {
		return BFloat16(v)
	}
	return Float16(v)
}

// Write writes m into dst, which is 3*Width*Height elements long: rows of pixels
// for NHWC, or three planes for NCHW. Elements are little-endian. planes is scratch
// memory that calls may share one after the other.
func (w *Writer) Write(dst []byte, m RGB, planes *[]byte) {
	size := w.dtype.Size()
	if w.layout == tensor.NHWC {
		for y := range m.Height {
			w.row(dst[y*3*m.Width*size:], m.Row(y), 3)
		}
		return
	}
	plane := m.Width * m.Height * size
	if w.dtype == tensor.Uint8 {
		for y := range m.Height {
			at := y * m.Width
			split(dst[at:], dst[plane+at:], dst[2*plane+at:], m.Row(y))
		}
		return
	}
	*planes = resized(*planes, 3*m.Width)
	red, green, blue := (*planes)[:m.Width], (*planes)[m.Width:2*m.Width], (*planes)[2*m.Width:]
	for y := range m.Height {
		split(red, green, blue, m.Row(y))
		at := y * m.Width * size
		w.row(dst[at:], red, 0)
		w.row(dst[plane+at:], green, 1)
		w.row(dst[2*plane+at:], blue, 2)
	}
}

// row writes elements of channel k, or of pixels where k is 3.
func (w *Writer) row(dst, src []byte, k int) {
	if w.dtype == tensor.Uint8 {
		copy(dst, src)
		return
	}
	done := 0
	if w.exact {
		done = wideScale(dst, src, w.dtype, &w.scales[k])
	}
	c, step := k, 0
	if k == 3 {
		c, step = 0, 1
	}
	w.lookUp(dst[done*w.dtype.Size():], src[done:], c, step)
}

// lookUp writes elements by the tables, the first of channel c, each next one step
// channels on.
func (w *Writer) lookUp(dst, src []byte, c, step int) {
	if w.dtype == tensor.Float32 {
		for i, v := range src {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(w.floats[c][v]))
			if c += step; c == 3 {
				c = 0
			}
		}
		return
	}
	for i, v := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], w.halves[c][v])
		if c += step; c == 3 {
			c = 0
		}
	}
}

// split parts pixels into their channels.
func split(red, green, blue, src []byte) {
	for i := widePlanes(red, green, blue, src); 3*i < len(src); i++ {
		red[i], green[i], blue[i] = src[3*i], src[3*i+1], src[3*i+2]
	}
}

// Put writes v, in the units of a float dtype, as the element of channel c at
// column x and row y of a sample of the given size.
func (w *Writer) Put(dst []byte, width, height, x, y, c int, v float32) {
	i := 3*(y*width+x) + c
	if w.layout == tensor.NCHW {
		i = c*width*height + y*width + x
	}
	if w.dtype == tensor.Float32 {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v))
		return
	}
	binary.LittleEndian.PutUint16(dst[2*i:], w.half(v))
}
