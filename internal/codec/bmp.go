package codec

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/image/bmp"

	"stoker/internal/pixel"
)

// bmpDecoder reads uncompressed BMP of 1, 2, 4, 8, 24 and 32 bits with
// golang.org/x/image/bmp; the rest is Unsupported.
type bmpDecoder struct{}

func (*bmpDecoder) Version() string { return "go-bmp/1" }

func (*bmpDecoder) Info(src []byte) (Info, error) {
	c, err := bmp.DecodeConfig(bytes.NewReader(src))
	if err != nil {
		return Info{}, bmpError(err)
	}
	return Info{Format: BMP, Width: c.Width, Height: c.Height}, nil
}

// Decode checks that the file holds its pixels before the decoder takes memory for
// them.
func (d *bmpDecoder) Decode(src []byte, req Request, dst pixel.RGB) error {
	info, err := d.Info(src)
	if err != nil {
		return err
	}
	bits := int64(binary.LittleEndian.Uint16(src[28:]))
	if int64(info.Width)*int64(info.Height)*bits/8 > int64(len(src)) {
		return corrupt(BMP, "%d bytes cannot hold %d x %d pixels", len(src), info.Width, info.Height)
	}
	m, err := bmp.Decode(bytes.NewReader(src))
	if err != nil {
		return bmpError(err)
	}
	return convert(dst, m, req.Region.Min, BMP)
}

func bmpError(err error) error {
	if errors.Is(err, bmp.ErrUnsupported) {
		return unsupported(BMP, "a compression, bit depth or header that is not read")
	}
	return corrupt(BMP, "%w", err)
}
