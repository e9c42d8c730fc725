package codec

import (
	"bytes"
	"compress/lzw"
	"errors"
	"image"
	"io"

	"stoker/internal/pixel"
)

// gifDecoder reads the first frame of a GIF (GIF89a specification, CompuServe
// 1990) with compress/lzw. Go's image/gif loses the colour of the transparent
// index, which Pillow shows.
type gifDecoder struct {
	packed  []byte // the frame's sub-blocks, joined
	indices []byte // palette indices of the frame, top to bottom
	lzw     io.ReadCloser
}

func (*gifDecoder) Version() string { return "stoker-gif/1" }

func (*gifDecoder) Info(src []byte) (Info, error) {
	f, err := readGIFFrame(src)
	if err != nil {
		return Info{}, err
	}
	return Info{Format: GIF, Width: f.width, Height: f.height}, nil
}

// Decode paints the frame on the canvas. With Partial, the rows before the damage
// are painted too.
func (d *gifDecoder) Decode(src []byte, req Request, dst pixel.RGB) error {
	f, err := readGIFFrame(src)
	if err != nil {
		return err
	}
	err = d.unpack(f, min(req.Region.Max.Y, f.frame.Max.Y)-f.frame.Min.Y)
	if err != nil && (!req.Partial || len(d.indices) == 0) {
		return err
	}
	pixel.Fill(dst, f.palette[f.background])
	both := req.Region.Intersect(f.frame)
	for y := both.Min.Y; y < both.Max.Y; y++ {
		indices := d.indices[(y-f.frame.Min.Y)*f.frame.Dx()+both.Min.X-f.frame.Min.X:][:both.Dx()]
		row := dst.Row(y - req.Region.Min.Y)[3*(both.Min.X-req.Region.Min.X):]
		for i, v := range indices {
			p := row[3*i : 3*i+3 : 3*i+3]
			p[0], p[1], p[2] = f.palette[v][0], f.palette[v][1], f.palette[v][2]
		}
	}
	return err
}

// gifFrame is the canvas and the first frame.
type gifFrame struct {
	width, height int // of the screen, or more where the frame leaves it
	frame         image.Rectangle
	palette       *[256][3]byte
	background    byte // index around the frame: the transparent one or 0
	interlaced    bool
	codeSize      int
	data          []byte // sub-blocks
}

var errGIFEnds = corrupt(GIF, "it ends before the first frame's pixels")

// readGIFFrame walks the blocks up to the first frame.
func readGIFFrame(src []byte) (*gifFrame, error) {
	r := gifReader{rest: src}
	head := r.take(13)
	if head == nil || Sniff(head) != GIF {
		return nil, errGIFEnds
	}
	f := &gifFrame{width: int(head[6]) | int(head[7])<<8, height: int(head[8]) | int(head[9])<<8}
	f.palette = r.palette(head[10])
	for {
		switch kind := r.take(1); {
		case kind == nil || kind[0] == ';':
			return nil, errGIFEnds
		case kind[0] == '!':
			r.extension(f)
		case kind[0] == ',':
			return f, r.descriptor(f)
		}
	}
}

// gifReader walks through a GIF; at the end of the bytes it gives nil.
type gifReader struct{ rest []byte }

func (r *gifReader) take(n int) []byte {
	if len(r.rest) < n {
		r.rest = nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// block returns the next sub-block, or nil behind the last one.
func (r *gifReader) block() []byte {
	n := r.take(1)
	if n == nil || n[0] == 0 {
		return nil
	}
	return r.take(int(n[0]))
}

// palette reads the colour table that flags announce. Without one indices are
// shades of grey, and so they are with one that says no more than that, as in
// Pillow. Entries beyond a table are black.
func (r *gifReader) palette(flags byte) *[256][3]byte {
	var p [256][3]byte
	for i := range p {
		p[i] = [3]byte{byte(i), byte(i), byte(i)}
	}
	if flags&0x80 == 0 {
		return &p
	}
	n := 2 << (flags & 7)
	table := r.take(3 * n)
	ramp := p
	for i := 0; 3*i < len(table); i++ {
		p[i] = [3]byte(table[3*i:])
	}
	if p != ramp {
		clear(p[n:])
	}
	return &p
}

// extension notes the transparent index of a graphic control extension.
func (r *gifReader) extension(f *gifFrame) {
	const graphicControl = 0xf9
	label := r.take(1)
	for first := true; ; first = false {
		b := r.block()
		if b == nil {
			return
		}
		if first && label[0] == graphicControl && len(b) >= 4 && b[0]&1 != 0 {
			f.background = b[3]
		}
	}
}

// descriptor reads the image descriptor and what follows it.
func (r *gifReader) descriptor(f *gifFrame) error {
	d := r.take(9)
	if d == nil {
		return errGIFEnds
	}
	at := func(i int) int { return int(d[i]) | int(d[i+1])<<8 }
	f.frame = image.Rect(at(0), at(2), at(0)+at(4), at(2)+at(6))
	f.width, f.height = max(f.width, f.frame.Max.X), max(f.height, f.frame.Max.Y)
	f.interlaced = d[8]&0x40 != 0
	if d[8]&0x80 != 0 {
		f.palette = r.palette(d[8])
	}
	size := r.take(1)
	if size == nil {
		return errGIFEnds
	}
	f.codeSize, f.data = int(size[0]), r.rest
	return nil
}

// unpack decompresses the frame's indices down to the given number of rows, or all
// where they are interlaced.
func (d *gifDecoder) unpack(f *gifFrame, rows int) error {
	d.indices = d.indices[:0]
	if f.codeSize < 2 || f.codeSize > 8 {
		return corrupt(GIF, "its code size is %d; it goes from 2 to 8", f.codeSize)
	}
	d.packed = d.packed[:0]
	for r := (gifReader{rest: f.data}); ; {
		b := r.block()
		if b == nil {
			break
		}
		d.packed = append(d.packed, b...)
	}
	width, height := f.frame.Dx(), f.frame.Dy()
	const longestCode = 4096 // indices that 9 bits or more can stand for
	if int64(width)*int64(height) > longestCode*int64(len(d.packed)) {
		return corrupt(GIF, "%d bytes cannot hold %d x %d pixels", len(d.packed), width, height)
	}
	if cap(d.indices) < width*height {
		d.indices = make([]byte, width*height)
	}
	d.indices = d.indices[:width*height]
	clear(d.indices)
	d.reset(f.codeSize)
	if f.interlaced {
		rows = height
	}
	for i := range rows {
		y := i
		if f.interlaced {
			y = interlacedRow(i, height)
		}
		if _, err := io.ReadFull(d.lzw, d.indices[y*width:][:width]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return corrupt(GIF, "row %d of %d: %w", i, height, err)
		}
	}
	return nil
}

func (d *gifDecoder) reset(codeSize int) {
	src := bytes.NewReader(d.packed)
	if r, ok := d.lzw.(*lzw.Reader); ok {
		r.Reset(src, lzw.LSB, codeSize)
		return
	}
	d.lzw = lzw.NewReader(src, lzw.LSB, codeSize)
}

// interlacedRow returns where row i of the data of an interlaced frame belongs:
// every eighth row from 0, every eighth from 4, every fourth from 2, every second
// from 1.
func interlacedRow(i, height int) int {
	for _, pass := range [4][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}} {
		first, step := pass[0], pass[1]
		rows := (height - first + step - 1) / step
		if i < rows {
			return first + i*step
		}
		i -= max(rows, 0)
	}
	return height - 1
}
