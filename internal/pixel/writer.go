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
}

// NewWriter returns a Writer for dtype Uint8, Float32, Float16 or BFloat16. A float
// element is (x/255 - mean) / std, each operation rounded to float32 as torchvision's
// ToTensor and Normalize do, the 16-bit dtypes then rounded to nearest even; where
// mean and std are nil it is x/255. Uint8 copies.
func NewWriter(dtype tensor.DType, layout tensor.Layout, mean, std *[3]float64) *Writer {
	w := &Writer{dtype: dtype, layout: layout}
	for c := range 3 {
		for x := range 256 {
			v := float32(x) / 255
			if mean != nil {
				v -= float32(mean[c])
			}
			if std != nil {
				v /= float32(std[c])
			}
			w.floats[c][x] = v
			w.halves[c][x] = w.half(v)
		}
	}
	return w
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
			w.interleaved(dst[y*3*m.Width*size:], m.Row(y))
		}
		return
	}
	plane := m.Width * m.Height * size
	for c := range 3 {
		for y := range m.Height {
			w.channel(dst[c*plane+y*m.Width*size:], m.Row(y)[c:], c)
		}
	}
}

func (w *Writer) interleaved(dst, row []byte) {
	switch w.dtype {
	case tensor.Uint8:
		copy(dst, row)
	case tensor.Float32:
		for i, c := 0, 0; i < len(row); i++ {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(w.floats[c][row[i]]))
			if c++; c == 3 {
				c = 0
			}
		}
	default:
		for i, c := 0, 0; i < len(row); i++ {
			binary.LittleEndian.PutUint16(dst[2*i:], w.halves[c][row[i]])
			if c++; c == 3 {
				c = 0
			}
		}
	}
}

// channel writes every third byte of row.
func (w *Writer) channel(dst, row []byte, c int) {
	switch w.dtype {
	case tensor.Uint8:
		for i, j := 0, 0; i < len(row); i, j = i+3, j+1 {
			dst[j] = row[i]
		}
	case tensor.Float32:
		table := &w.floats[c]
		for i, j := 0, 0; i < len(row); i, j = i+3, j+4 {
			binary.LittleEndian.PutUint32(dst[j:], math.Float32bits(table[row[i]]))
		}
	default:
		table := &w.halves[c]
		for i, j := 0, 0; i < len(row); i, j = i+3, j+2 {
			binary.LittleEndian.PutUint16(dst[j:], table[row[i]])
		}
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
