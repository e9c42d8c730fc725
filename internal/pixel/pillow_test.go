package pixel_test

import (
	"image"
	"testing"

	"stoker/internal/pillowtest"
	"stoker/internal/pixel"
)

// pillowCase is a line of testdata/make_goldens.py.
type pillowCase struct {
	Number        uint32
	Style         string
	Width, Height int
	Op            string
	Filter        pixel.Filter
	Box           *[4]float32
	OutWidth      int  `json:"out_width"`
	OutHeight     int  `json:"out_height"`
	RowsFirst     bool `json:"rows_first"`
	Orientation   pixel.Orientation
	Factor        float64
	SHA256        string
}

func (c *pillowCase) source() pixel.RGB {
	var buf []byte
	m := pixel.Grow(&buf, c.Width, c.Height)
	for i := range m.Pix {
		v := uint32(i)
		if c.Style == "colours" {
			m.Pix[i] = byte(v / 3 >> (8 * (v % 3)))
			continue
		}
		v = v*2654435761 + c.Number*40503
		v ^= v >> 15
		v *= 2246822519
		v ^= v >> 13
		v >>= 24
		if c.Style == "extremes" {
			v = v >> 7 * 255
		}
		m.Pix[i] = byte(v)
	}
	return m
}

func (c *pillowCase) resampling() pixel.Resampling {
	r := pixel.Resampling{Filter: c.Filter, Width: c.Width, Height: c.Height, OutWidth: c.OutWidth, OutHeight: c.OutHeight,
		RowsFirst: c.RowsFirst}
	if c.Box != nil {
		r.Box = pixel.FloatRect{X0: c.Box[0], Y0: c.Box[1], X1: c.Box[2], Y1: c.Box[3]}
	}
	return r
}

func (c *pillowCase) result(z *pixel.Resizer) pixel.RGB {
	m := c.source()
	var buf []byte
	switch c.Op {
	case "resize":
		out := pixel.Grow(&buf, c.OutWidth, c.OutHeight)
		r := c.resampling()
		z.Resize(out, m, image.Point{}, &r)
		return out
	case "orient":
		out := pixel.Grow(&buf, c.Width, c.Height)
		if c.Orientation.Transposed() {
			out = pixel.Grow(&buf, c.Height, c.Width)
		}
		pixel.Orient(out, m, c.Orientation)
		return out
	case "brightness":
		pixel.Brightness(m, float32(c.Factor))
	case "contrast":
		pixel.Contrast(m, float32(c.Factor))
	case "saturation":
		pixel.Saturation(m, float32(c.Factor))
	case "hue":
		pixel.Hue(m, pixel.HueShift(c.Factor))
	case "grayscale":
		pixel.Grayscale(m)
	}
	return m
}

func replay(t *testing.T, lines []byte) {
	t.Helper()
	var z pixel.Resizer
	pillowtest.Each(t, lines, func(c *pillowCase) error { return pillowtest.Same(c.result(&z).Pix, c.SHA256) })
}

func TestGoldensOfPillow(t *testing.T) { replay(t, pillowtest.Read(t)) }

// TestPillow compares with the Pillow of the interpreter that STOKER_PILLOW_PYTHON
// names, on new random cases each time.
func TestPillow(t *testing.T) {
	replay(t, pillowtest.Run(t, []string{"testdata/make_goldens.py", "--count", "600", "--most", "400"},
		[]string{"--count", "10000", "--most", "600", "--colours"}))
}
