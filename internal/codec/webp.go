package codec

import (
	"bytes"

	"golang.org/x/image/webp"

	"stoker/internal/pixel"
)

type webpDecoder struct{}

func (*webpDecoder) Version() string { return "go-webp/1" }

func (*webpDecoder) Info(src []byte) (Info, error) {
	c, err := webp.DecodeConfig(bytes.NewReader(src))
	if err != nil {
		return Info{}, corrupt(WebP, "%w", err)
	}
	return Info{Format: WebP, Width: c.Width, Height: c.Height}, nil
}

func (*webpDecoder) Decode(src []byte, req Request, dst pixel.RGB) error {
	m, err := webp.Decode(bytes.NewReader(src))
	if err != nil {
		return corrupt(WebP, "%w", err)
	}
	return convert(dst, m, req.Region.Min, WebP)
}
