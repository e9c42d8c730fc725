package codec

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/png"

	"stoker/internal/pixel"
)

// pngDecoder reads PNG (RFC 2083 and the third edition of W3C's recommendation)
// with Go's image/png.
type pngDecoder struct{}

func (*pngDecoder) Version() string { return "go-png/1" }

// Info reads IHDR, and eXIf where it stands before the pixels.
func (*pngDecoder) Info(src []byte) (Info, error) {
	const head = 8 + 8 + 13
	if len(src) < head || string(src[12:16]) != "IHDR" {
		return Info{}, corrupt(PNG, "its header is missing")
	}
	info := Info{
		Format: PNG,
		Width:  int(int32(binary.BigEndian.Uint32(src[16:]))),
		Height: int(int32(binary.BigEndian.Uint32(src[20:]))),
	}
	for rest := src[8:]; len(rest) >= 12; {
		n := int64(binary.BigEndian.Uint32(rest))
		name := string(rest[4:8])
		if name == "IDAT" || n > int64(len(rest)-12) {
			break
		}
		if name == "eXIf" {
			info.Orientation = exifOrientation(rest[8 : 8+n])
		}
		rest = rest[12+n:]
	}
	return info, nil
}

// maxDeflate is the largest ratio that deflate reaches: 258 bytes for two bits.
const maxDeflate = 1032

// Decode checks that the file can hold its pixels at all before image/png takes
// memory for them.
func (d *pngDecoder) Decode(src []byte, req Request, dst pixel.RGB) error {
	info, err := d.Info(src)
	if err != nil {
		return err
	}
	channels := [8]int64{1, 1, 3, 1, 2, 1, 4, 1}[src[25]&7]
	bits := int64(info.Width) * int64(info.Height) * channels * int64(src[24])
	if bits/8 > maxDeflate*int64(len(src)) {
		return corrupt(PNG, "%d bytes cannot hold %d x %d pixels", len(src), info.Width, info.Height)
	}
	m, err := png.Decode(bytes.NewReader(src))
	if err != nil {
		return corrupt(PNG, "%w", err)
	}
	if m, ok := m.(*image.NRGBA64); ok && src[25] == 0 {
		m.Pix = greyOf(m.Pix)
		g := &image.Gray16{Pix: m.Pix, Stride: m.Stride / 4, Rect: m.Rect}
		return convert(dst, g, req.Region.Min, PNG)
	}
	return convert(dst, m, req.Region.Min, PNG)
}

// greyOf keeps the first of every four 16-bit channels, in place. Go gives 16-bit
// grey with a transparent value four channels.
func greyOf(pix []byte) []byte {
	n := len(pix) / 8
	for i := range n {
		pix[2*i], pix[2*i+1] = pix[8*i], pix[8*i+1]
	}
	return pix[:2*n]
}
