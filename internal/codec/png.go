package codec

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"

	"stoker/internal/pixel"
	"stoker/jpeg"
)

// pngDecoder reads PNG (the third edition of W3C's recommendation) row by row, no
// further than the region's last row. Go's image/png makes a new image for every
// file and keeps it whole.
type pngDecoder struct {
	data   inflater
	joined []byte    // the compressed data, where they lie in several chunks
	rows   [2][]byte // the row and the one above it, each behind its filter byte
	wide   []byte    // a row of an interlaced pass as RGB
	image  pngHeader // of the file being decoded
}

func (*pngDecoder) Version() string { return "stoker-png/1" }

// Info reads IHDR, and eXIf where it stands before the pixels.
func (*pngDecoder) Info(src []byte) (Info, error) {
	h, _, err := readPNGHeader(src)
	return Info{Format: PNG, Width: h.width, Height: h.height, Orientation: h.orientation}, err
}

// pngHeader is what the chunks before the pixels say.
type pngHeader struct {
	width, height int
	orientation   int
	depth         int // bits of a sample
	kind          int // colour type
	samples       int // of a pixel
	interlaced    bool
	palette       [256][3]byte // black beyond the entries given, as in Pillow
}

// The colour types.
const (
	pngGrey      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGreyAlpha = 4
	pngRGBA      = 6
)

// pngDepths are the bit depths that each colour type allows, as a set of bits.
var pngDepths = [7]int{pngGrey: 1 | 2 | 4 | 8 | 16, pngRGB: 8 | 16, pngPalette: 1 | 2 | 4 | 8, pngGreyAlpha: 8 | 16, pngRGBA: 8 | 16}

// readPNGHeader reads the chunks up to the first IDAT and returns what begins there.
func readPNGHeader(src []byte) (h pngHeader, rest []byte, err error) {
	const signature = 8
	if Sniff(src) != PNG {
		return h, nil, corrupt(PNG, "its signature is missing")
	}
	rest = src[signature:]
	for first := true; ; first = false {
		if !first && len(rest) >= 8 && string(rest[4:8]) == "IDAT" {
			return h, rest, nil
		}
		c, after, err := readPNGChunk(rest)
		switch {
		case err != nil:
			return h, nil, err
		case first != (c.name == "IHDR"):
			return h, nil, corrupt(PNG, "its header is missing")
		case c.name == "IHDR":
			err = h.read(c.body)
		case c.name == "PLTE":
			err = h.readPalette(c.body)
		case c.name == "eXIf":
			h.orientation = jpeg.ExifOrientation(c.body)
		case c.name == "IEND":
			err = corrupt(PNG, "it has no pixels")
		}
		if err != nil {
			return h, nil, err
		}
		rest = after
	}
}

func (h *pngHeader) read(b []byte) error {
	if len(b) != 13 {
		return corrupt(PNG, "its header has %d bytes", len(b))
	}
	h.width, h.height = int(int32(binary.BigEndian.Uint32(b))), int(int32(binary.BigEndian.Uint32(b[4:])))
	h.depth, h.kind, h.interlaced = int(b[8]), int(b[9]), b[12] == 1
	if h.width <= 0 || h.height <= 0 {
		return corrupt(PNG, "its size is %d x %d", h.width, h.height)
	}
	if h.kind >= len(pngDepths) || h.depth&(h.depth-1) != 0 || pngDepths[h.kind]&h.depth == 0 ||
		b[10] != 0 || b[11] != 0 || b[12] > 1 {
		return corrupt(PNG, "its header has colour type %d, bit depth %d, methods %d, %d, %d", b[9], b[8], b[10], b[11], b[12])
	}
	h.samples = [7]int{pngGrey: 1, pngRGB: 3, pngPalette: 1, pngGreyAlpha: 2, pngRGBA: 4}[h.kind]
	return nil
}

func (h *pngHeader) readPalette(b []byte) error {
	if len(b)%3 != 0 || len(b) > 3*len(h.palette) {
		return corrupt(PNG, "its palette has %d bytes", len(b))
	}
	for i := 0; 3*i < len(b); i++ {
		h.palette[i] = [3]byte(b[3*i:])
	}
	return nil
}

// pngChunk is one chunk.
type pngChunk struct {
	name string
	body []byte
}

// pngName returns the name of a chunk that matters here, without an allocation.
func pngName(b []byte) string {
	for _, name := range [...]string{"IHDR", "PLTE", "eXIf", "IDAT", "IEND"} {
		if string(b) == name {
			return name
		}
	}
	return ""
}

// readPNGChunk splits the first chunk off and checks it.
func readPNGChunk(src []byte) (c pngChunk, rest []byte, err error) {
	if len(src) < 12 {
		return c, nil, corrupt(PNG, "it ends inside a chunk")
	}
	n := int64(binary.BigEndian.Uint32(src))
	c.name = pngName(src[4:8])
	if n > int64(len(src)-12) {
		if c.name == "IDAT" { // what is there may be asked for
			c.body = src[8:]
			return c, nil, nil
		}
		return c, nil, corrupt(PNG, "it ends inside chunk %q", src[4:8])
	}
	c.body = src[8 : 8+n]
	if want := binary.BigEndian.Uint32(src[8+n:]); crc32.ChecksumIEEE(src[4:8+n]) != want {
		return c, nil, corrupt(PNG, "the checksum of chunk %q is wrong", src[4:8])
	}
	return c, src[12+n:], nil
}

// compressed returns the bodies of the IDAT chunks that src begins with, as one. An
// error of a chunk comes with what stands before it.
func (d *pngDecoder) compressed(src []byte) ([]byte, error) {
	c, rest, err := readPNGChunk(src)
	body := c.body
	for n := 0; err == nil && len(rest) >= 8 && string(rest[4:8]) == "IDAT"; n++ {
		if n == 0 {
			body = append(d.joined[:0], body...)
		}
		if c, rest, err = readPNGChunk(rest); err == nil {
			body = append(body, c.body...)
		}
		d.joined = body
	}
	return body, err
}

// openZlib checks a zlib stream's header (RFC 1950) and begins with its data. The
// checksum behind the data is not compared: the chunks have their own.
func (d *pngDecoder) openZlib(src []byte) error {
	const deflate, dictionary = 8, 0x20
	if len(src) < 2 || src[0]&15 != deflate || src[1]&dictionary != 0 || (int(src[0])<<8|int(src[1]))%31 != 0 {
		return corrupt(PNG, "its compressed data have no header")
	}
	d.data.reset(src[2:])
	return nil
}

// maxDeflate is the largest ratio that deflate reaches: 258 bytes for two bits.
const maxDeflate = 1032

// Decode checks that the file can hold its pixels at all before it takes memory
// for a row of them. With Partial the rows before the damage are there.
func (d *pngDecoder) Decode(src []byte, req Request, dst pixel.RGB) error {
	h, rest, err := readPNGHeader(src)
	if err != nil {
		return err
	}
	bits := int64(h.width) * int64(h.height) * int64(h.samples*h.depth)
	if bits/8 > maxDeflate*int64(len(src)) {
		return corrupt(PNG, "%d bytes cannot hold %d x %d pixels", len(src), h.width, h.height)
	}
	d.image = h
	src, chunkErr := d.compressed(rest)
	if err := d.openZlib(src); err != nil {
		return cmp.Or(chunkErr, err)
	}
	if h.interlaced {
		err = d.passes(req.Region, dst)
	} else {
		err = d.whole(req.Region, dst)
	}
	d.data.src = nil
	if err != nil && chunkErr != nil {
		return chunkErr
	}
	if err != nil {
		return corrupt(PNG, "%w", err)
	}
	return nil
}

// whole decodes rows one after the other.
func (d *pngDecoder) whole(region image.Rectangle, dst pixel.RGB) error {
	d.start(d.image.width)
	for y := range region.Max.Y {
		row, err := d.next()
		if err != nil {
			return err
		}
		if y >= region.Min.Y {
			d.image.convert(dst.Row(y-region.Min.Y), row, region.Min.X)
		}
	}
	return nil
}

// passes decodes the seven passes of Adam7 and scatters their pixels.
func (d *pngDecoder) passes(region image.Rectangle, dst pixel.RGB) error {
	for _, p := range [7]struct{ x, y, dx, dy int }{
		{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2},
	} {
		width := (d.image.width - p.x + p.dx - 1) / p.dx
		if width <= 0 {
			continue
		}
		d.start(width)
		wide := pixel.Grow(&d.wide, width, 1)
		for y := p.y; y < d.image.height; y += p.dy {
			row, err := d.next()
			if err != nil {
				return err
			}
			if y < region.Min.Y || y >= region.Max.Y {
				continue
			}
			d.image.convert(wide.Pix, row, 0)
			out := dst.Row(y - region.Min.Y)
			for i := range width {
				if x := p.x + i*p.dx; x >= region.Min.X && x < region.Max.X {
					copy(out[3*(x-region.Min.X):][:3], wide.Pix[3*i:3*i+3])
				}
			}
		}
	}
	return nil
}

// start prepares for rows of the given width: above the first one are zeros.
func (d *pngDecoder) start(width int) {
	n := 1 + (width*d.image.samples*d.image.depth+7)/8
	for i := range d.rows {
		if cap(d.rows[i]) < n {
			d.rows[i] = make([]byte, n)
		}
		d.rows[i] = d.rows[i][:n]
	}
	clear(d.rows[1])
}

var errPNGFilter = errors.New("a row has an unknown filter")

// next returns the next row without its filter.
func (d *pngDecoder) next() ([]byte, error) {
	packed, err := d.data.next(len(d.rows[0]))
	if err != nil {
		return nil, err
	}
	copy(d.rows[0], packed)
	filter, row, above := d.rows[0][0], d.rows[0][1:], d.rows[1][1:]
	if !unfilter(filter, row, above, max(d.image.samples*d.image.depth/8, 1)) {
		return nil, errPNGFilter
	}
	d.rows[0], d.rows[1] = d.rows[1], d.rows[0]
	return row, nil
}
