package codec

import (
	"bytes"
	"encoding/binary"
	"image"

	"golang.org/x/image/vp8"
	"golang.org/x/image/vp8l"

	"stoker/internal/pixel"
	"stoker/jpeg"
)

// webpDecoder reads WebP, of animations the first frame, with golang.org/x/image's
// VP8 and VP8L. Alpha is not even decoded. Lossy pixels become RGB as libwebp makes
// them (webp_yuv.go).
type webpDecoder struct{}

func (*webpDecoder) Version() string { return "stoker-webp/1" }

func (*webpDecoder) Info(src []byte) (Info, error) {
	f, err := readWebP(src)
	if err != nil {
		return Info{}, err
	}
	return Info{Format: WebP, Width: f.width, Height: f.height, Orientation: f.orientation}, nil
}

func (*webpDecoder) Decode(src []byte, req Request, dst pixel.RGB) error {
	f, err := readWebP(src)
	if err != nil {
		return err
	}
	for y := range dst.Height { // around the frame of an animation
		clear(dst.Row(y))
	}
	both := req.Region.Intersect(f.frame)
	if both.Empty() {
		return nil
	}
	to, from := both.Sub(req.Region.Min), both.Sub(f.frame.Min)
	dst = dst.Crop(to.Min.X, to.Min.Y, to.Dx(), to.Dy())
	if f.lossless {
		m, err := vp8l.Decode(bytes.NewReader(f.data))
		if err != nil {
			return corrupt(WebP, "%w", err)
		}
		return convert(dst, m, from.Min, WebP)
	}
	lossy := vp8.NewDecoder() // a used one carries settings over to the next image
	lossy.Init(bytes.NewReader(f.data), len(f.data))
	if _, err := lossy.DecodeFrameHeader(); err != nil {
		return corrupt(WebP, "%w", err)
	}
	m, err := lossy.DecodeFrame()
	if err != nil {
		return corrupt(WebP, "%w", err)
	}
	upsample(dst, m, from.Min)
	return nil
}

// webpFrame is the canvas and the first frame (RFC 9649).
type webpFrame struct {
	width, height int
	orientation   int
	frame         image.Rectangle
	lossless      bool
	data          []byte // of the VP8 or VP8L chunk
}

// readWebP walks the chunks of the file.
func readWebP(src []byte) (*webpFrame, error) {
	if Sniff(src) != WebP {
		return nil, corrupt(WebP, "its header is missing")
	}
	f := new(webpFrame)
	for rest := src[12:]; len(rest) > 0; {
		var name string
		var body []byte
		name, body, rest = webpChunk(rest)
		if err := f.read(name, body); err != nil {
			return nil, err
		}
	}
	if f.data == nil {
		return nil, corrupt(WebP, "it holds no frame")
	}
	if f.width == 0 {
		f.width, f.height = f.frame.Dx(), f.frame.Dy()
	}
	return f, f.check()
}

// webpChunk splits the first chunk off. One that the file cuts off is as long as
// what is left.
func webpChunk(src []byte) (name string, body, rest []byte) {
	if len(src) < 8 {
		return "", nil, nil
	}
	n := int64(binary.LittleEndian.Uint32(src[4:]))
	body = src[8:]
	if n > int64(len(body)) {
		return string(src[:4]), body, nil
	}
	return string(src[:4]), body[:n], body[min(n+n&1, int64(len(body))):]
}

func (f *webpFrame) read(name string, body []byte) error {
	switch name {
	case "VP8X":
		if len(body) < 10 {
			return corrupt(WebP, "its canvas chunk has %d bytes", len(body))
		}
		f.width, f.height = 1+uint24(body[4:]), 1+uint24(body[7:])
	case "EXIF":
		f.orientation = jpeg.ExifOrientation(bytes.TrimPrefix(body, []byte("Exif\x00\x00")))
	case "ANMF":
		if f.data == nil && len(body) >= 16 {
			f.frame.Min = image.Pt(2*uint24(body), 2*uint24(body[3:]))
			for rest := body[16:]; len(rest) > 0 && f.data == nil; {
				name, body, rest = webpChunk(rest)
				if err := f.bitstream(name, body); err != nil {
					return err
				}
			}
		}
	default:
		if f.data == nil {
			return f.bitstream(name, body)
		}
	}
	return nil
}

// bitstream reads the size from the header of a VP8 or VP8L chunk (RFC 6386,
// 9.1; RFC 9649, 3.4).
func (f *webpFrame) bitstream(name string, body []byte) error {
	var width, height int
	switch name {
	case "VP8 ":
		if len(body) < 10 || body[0]&1 != 0 || string(body[3:6]) != "\x9d\x01\x2a" {
			return corrupt(WebP, "its VP8 frame header is damaged")
		}
		width = int(binary.LittleEndian.Uint16(body[6:])) & 0x3fff
		height = int(binary.LittleEndian.Uint16(body[8:])) & 0x3fff
	case "VP8L":
		if len(body) < 5 || body[0] != 0x2f {
			return corrupt(WebP, "its VP8L header is damaged")
		}
		bits := int(binary.LittleEndian.Uint32(body[1:]))
		width, height = 1+bits&0x3fff, 1+bits>>14&0x3fff
	default:
		return nil
	}
	f.lossless, f.data = name == "VP8L", body
	f.frame.Max = f.frame.Min.Add(image.Pt(width, height))
	return nil
}

func (f *webpFrame) check() error {
	if f.frame.Empty() || !f.frame.In(image.Rect(0, 0, f.width, f.height)) {
		return corrupt(WebP, "its frame %v leaves the canvas of %d x %d", f.frame, f.width, f.height)
	}
	return nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
