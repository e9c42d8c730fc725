package jpeg

import "image"

// Range is a run of bytes of an image file.
type Range struct{ Start, End int }

// Outline is what it takes, beside its entropy index, to tell which bytes of an
// image file a region needs: the index then need not wait for the file.
type Outline struct {
	Header
	Start int // of the entropy-coded data: the length of the file's header
}

// ParseOutline reads the header of an image that can be indexed. Other images
// are an error of kind Unsupported.
func ParseOutline(src []byte) (Outline, error) {
	var p parser
	if err := p.toSingleScan(src); err != nil {
		return Outline{}, err
	}
	return Outline{Header: p.header(), Start: p.scan.start}, nil
}

// Ranges appends to dst the parts of an image file that decoding a region with
// its index reads, in order and without overlap, where gaps of less than join
// bytes are read over. To decode, let src have the length of the file and its
// contents in the ranges, and set Options.Unverified.
func (o *Outline) Ranges(dst []Range, index []byte, region image.Rectangle, join int) ([]Range, error) {
	f, err := o.frame()
	if err != nil {
		return nil, err
	}
	ix, err := readIndex(index, f)
	if err != nil {
		return nil, err
	}
	if ix.length > ix.file-o.Start {
		return nil, errAt(BadIndex, -1, "%d bytes of data do not fit a file of %d", ix.length, ix.file)
	}
	return ix.ranges(dst, f, o.Start, region, join)
}

// frame makes the frame that the header told of.
func (o *Outline) frame() (*frame, error) {
	if o.Width < 1 || o.Height < 1 || o.Components < 1 || o.Components > 4 || o.Start < 0 {
		return nil, errAt(BadArgument, -1, "an outline of %dx%d pixels with %d components", o.Width, o.Height, o.Components)
	}
	f := &frame{width: o.Width, height: o.Height, ncomp: o.Components, hmax: 1, vmax: 1}
	for i := range f.ncomp {
		c := &f.comp[i]
		c.h, c.v = o.Sampling[i][0], o.Sampling[i][1]
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return nil, errAt(BadArgument, -1, "sampling factors %dx%d", c.h, c.v)
		}
		f.hmax, f.vmax = max(f.hmax, c.h), max(f.vmax, c.v)
	}
	return f, f.layout(-1)
}

// ranges is Ranges for an image whose entropy-coded data begins at start.
func (ix *entropyIndex) ranges(dst []Range, f *frame, start int, region image.Rectangle, join int) ([]Range, error) {
	whole := image.Rect(0, 0, f.width, f.height)
	if region == (image.Rectangle{}) {
		region = whole
	}
	if region.Empty() || !region.In(whole) {
		return nil, errAt(BadArgument, -1, "region %v is empty or outside of the %dx%d image", region, f.width, f.height)
	}
	var o output
	o.cover(f, region)
	dst = append(dst, Range{0, start})
	for r := o.r0; r < o.r1; r++ {
		from, to := ix.bytes(ix.span(r, o.c0, o.c1))
		next := Range{start + from, start + to}
		if prev := &dst[len(dst)-1]; next.Start-prev.End < max(join, 1) {
			prev.End = max(prev.End, next.End)
		} else {
			dst = append(dst, next)
		}
	}
	return dst, nil
}
