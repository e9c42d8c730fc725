package codec

import (
	"image"
	"strconv"

	"stoker/internal/pixel"
)

// ppmDecoder reads binary PPM with 8 bits a channel: a short header, then the
// pixels. Datasets hold pre-decoded pictures in it (AppendPPM).
type ppmDecoder struct{}

func (*ppmDecoder) Version() string { return "ppm/1" }

func (*ppmDecoder) Info(src []byte) (Info, error) {
	m, err := openPPM(src)
	return Info{Format: PPM, Width: m.Width, Height: m.Height}, err
}

func (*ppmDecoder) Decode(src []byte, req Request, dst pixel.RGB) error {
	m, err := openPPM(src)
	if err != nil {
		return err
	}
	r := req.Region
	rows := r.Dy()
	if missing := m.missing(r); missing != nil {
		if !req.Partial {
			return missing
		}
		err, rows = missing, max(len(m.Pix)/m.Stride-r.Min.Y, 0)
	}
	for y := range rows {
		copy(dst.Row(y), m.Pix[(r.Min.Y+y)*m.Stride+3*r.Min.X:])
	}
	return err
}

// ppm is a PPM file whose pixels may be cut short.
type ppm struct{ pixel.RGB }

// missing returns an error where the file ends before the region does.
func (m *ppm) missing(r image.Rectangle) error {
	if need := (r.Max.Y-1)*m.Stride + 3*r.Max.X; need > len(m.Pix) {
		return corrupt(PPM, "it ends after %d of %d rows", len(m.Pix)/m.Stride, m.Height)
	}
	return nil
}

// openPPM reads the header: "P6", width, height and greatest value, parted by
// white space and comments, and one white space before the pixels (Netpbm, ppm(5)).
func openPPM(src []byte) (ppm, error) {
	var numbers [3]int
	at := 2
	for i := range numbers {
		at = skipSpace(src, at)
		n, digits := 0, 0
		for ; at < len(src) && src[at] >= '0' && src[at] <= '9' && digits < 10; at++ {
			n, digits = 10*n+int(src[at]-'0'), digits+1
		}
		if digits == 0 || n == 0 || n > 1<<30 {
			return ppm{}, corrupt(PPM, "its header is damaged")
		}
		numbers[i] = n
	}
	if at >= len(src) || !isSpace(src[at]) {
		return ppm{}, corrupt(PPM, "its header is damaged")
	}
	if numbers[2] != 255 {
		return ppm{}, unsupported(PPM, "values up to %d, not 255", numbers[2])
	}
	width, height, pix := numbers[0], numbers[1], src[at+1:]
	if int64(width)*int64(height) <= int64(len(pix)/3) {
		pix = pix[:pixel.Bytes(width, height)]
	}
	return ppm{pixel.RGB{Pix: pix, Stride: 3 * width, Width: width, Height: height}}, nil
}

func isSpace(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }

// skipSpace returns the place behind white space and comments.
func skipSpace(src []byte, at int) int {
	for at < len(src) && (isSpace(src[at]) || src[at] == '#') {
		if src[at] == '#' {
			for at < len(src) && src[at] != '\n' {
				at++
			}
			continue
		}
		at++
	}
	return at
}

// AppendPPM appends m as a PPM file.
func AppendPPM(dst []byte, m pixel.RGB) []byte {
	dst = append(dst, "P6\n"...)
	dst = strconv.AppendInt(dst, int64(m.Width), 10)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(m.Height), 10)
	dst = append(dst, "\n255\n"...)
	for y := range m.Height {
		dst = append(dst, m.Row(y)...)
	}
	return dst
}

// View returns the region of src as it lies there, where the format holds pixels
// as they are; false where Decode is needed or would fail.
func View(src []byte, f Format, region image.Rectangle) (pixel.RGB, bool) {
	if f != PPM || Sniff(src) != PPM {
		return pixel.RGB{}, false
	}
	m, err := openPPM(src)
	if err != nil || region.Empty() || !region.In(image.Rect(0, 0, m.Width, m.Height)) || m.missing(region) != nil {
		return pixel.RGB{}, false
	}
	return m.Crop(region.Min.X, region.Min.Y, region.Dx(), region.Dy()), true
}
