package codec

import (
	"bytes"
	"image/gif"

	"stoker/internal/pixel"
)

type gifDecoder struct{}

func (*gifDecoder) Version() string { return "go-gif/1" }

func (*gifDecoder) Info(src []byte) (Info, error) {
	c, err := gif.DecodeConfig(bytes.NewReader(src))
	if err != nil {
		return Info{}, corrupt(GIF, "%w", err)
	}
	return Info{Format: GIF, Width: c.Width, Height: c.Height}, nil
}

func (*gifDecoder) Decode(src []byte, req Request, dst pixel.RGB) error {
	m, err := gif.Decode(bytes.NewReader(src))
	if err != nil {
		return corrupt(GIF, "%w", err)
	}
	return convert(dst, m, req.Region.Min, GIF)
}
