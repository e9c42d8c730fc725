// Package codec turns the bytes of one stored image into RGB pixels.
//
// A Decoder reads one format. Set holds one decoder of each format for one
// goroutine, with the scratch memory that they reuse.
package codec

import (
	"image"

	"stoker/internal/pixel"
)

// Format names an image file format. The numbers stand in datasets: append only.
type Format uint8

// The formats.
const (
	Unknown Format = iota
	JPEG
	PNG
	WebP
	GIF
	BMP
	PPM
)

var formatNames = [...]string{"unknown", "jpeg", "png", "webp", "gif", "bmp", "ppm"}

func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return formatNames[0]
}

// Info is what an image's header tells before a pixel is decoded.
type Info struct {
	Format        Format
	Width, Height int // stored pixels, before EXIF orientation
	Orientation   int // EXIF tag 274, 1 to 8; 1 where absent or invalid
}

// Request says what to decode.
type Request struct {
	// Region is the rectangle of stored pixels wanted; the zero Rectangle means
	// the whole image. It must lie inside the image. Decoders do as little work
	// outside it as they can, and its pixels equal those of a whole decode.
	Region image.Rectangle

	// Index is the side index of entropy positions that belongs to the bytes, as
	// the decoder's own Index made it, or nil. It may speed decoding up, never
	// change a pixel. One that does not fit the bytes is an error of kind Corrupt.
	Index []byte

	// Checked says that the caller has compared the checksum of the bytes, so that
	// the decoder need not compare it with the one in Index.
	Checked bool

	// Made, where not nil and Index is empty, is where the side index is appended
	// that the decoder can make on its way, with an entry every DefaultIndexStep
	// MCUs; nothing where the format or the image has none.
	Made *[]byte

	// Partial asks for the pixels before the damage of a truncated or damaged
	// image beside the error: libjpeg's for JPEG, the rows that are there for GIF,
	// black for what cannot be had.
	Partial bool
}

// Decoder decodes one format. It keeps scratch memory between calls, so one
// goroutine at a time may use it.
type Decoder interface {
	// Version names the decoder and the version of its pixels, such as
	// "go-jpeg/1". Two decoders with one Version give equal pixels on every
	// input. It is a part of the fingerprint that saved states are bound to.
	Version() string

	// Info reads the header of src.
	Info(src []byte) (Info, error)

	// Decode writes the wanted region of src into dst, whose size must be the
	// region's. Grey, palette, alpha, 16-bit and CMYK images come out as
	// Pillow's Image.convert("RGB") gives them. src is only read. On an error
	// the pixels of dst are undefined unless Partial was asked for.
	Decode(src []byte, req Request, dst pixel.RGB) error
}
