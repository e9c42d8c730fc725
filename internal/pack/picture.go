package pack

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"runtime/debug"

	"golang.org/x/sync/semaphore"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/pixel"
)

// decodeBytesPerPixel is the memory that decoding takes at most: three bytes of
// RGB, and beside them the eight of a PNG with 16 bits a channel, or the six of a
// progressive JPEG's coefficients. Turning and resizing find the latter gone.
const decodeBytesPerPixel = 12

// pictures works on pictures for one goroutine and keeps scratch memory between
// them.
type pictures struct {
	opts     *Options
	reencode bool                // every picture, whatever its size
	memory   *semaphore.Weighted // bytes for pixels, shared by all workers

	decoders *codec.Set
	resizer  pixel.Resizer
	stored   []byte // pixels as decoded
	upright  []byte
	small    []byte
	rgba     []byte
}

func newPictures(o *Options, memory *semaphore.Weighted) *pictures {
	return &pictures{
		opts:     o,
		reencode: o.Pixels || o.Quality > 0 && o.Resize == Resize{} && !o.ApplyOrientation,
		memory:   memory,
		decoders: codec.NewSet(codec.Limits{MaxPixels: o.MaxPixels}),
	}
}

// pack returns the bytes to store for the file src, and what they hold. The
// bytes are src itself where nothing is to be changed, else a buffer of lent. An
// error is about this picture, but for that of ctx.
func (p *pictures) pack(ctx context.Context, src []byte, lent *buffers) (blob []byte, info codec.Info, err error) {
	defer func() { // hostile bytes must not end the work on a million other files
		if r := recover(); r != nil {
			err = errs.New(errs.Internal, "BUG: the decoder failed: %v\n%s", r, debug.Stack())
		}
	}()
	info, err = p.decoders.Info(src)
	if err != nil {
		return nil, info, err
	}
	do, err := p.decide(info)
	if err != nil || !do.decode {
		return src, info, err
	}
	weight := min(int64(info.Width)*int64(info.Height)*decodeBytesPerPixel, p.opts.MemoryBytes)
	if err := p.memory.Acquire(ctx, weight); err != nil {
		return nil, info, err
	}
	defer p.memory.Release(weight)
	defer p.dropLarge()
	img := pixel.Grow(&p.stored, info.Width, info.Height)
	if err := p.decoders.Decode(src, info.Format, codec.Request{}, img); err != nil {
		return nil, info, err
	}
	if !do.encode {
		return src, info, nil
	}
	img, orientation := p.transform(img, info, do)
	if p.opts.Pixels {
		blob = codec.AppendPPM(lent.take(int64(pixel.Bytes(img.Width, img.Height))+ppmHeader), img)
		return blob, codec.Info{Format: codec.PPM, Width: img.Width, Height: img.Height, Orientation: 1}, nil
	}
	blob, err = p.encode(lent.take(0), img, orientation)
	return blob, codec.Info{Format: codec.JPEG, Width: img.Width, Height: img.Height, Orientation: orientation}, err
}

// ppmHeader is the most that stands before the pixels of a PPM file.
const ppmHeader = 32

// plan is what happens to one picture.
type plan struct {
	decode, encode, turn bool
	width, height        int // after turning and resizing
}

func (p *pictures) decide(info codec.Info) (plan, error) {
	o := pixel.Orientation(info.Orientation)
	do := plan{decode: p.opts.Decode, turn: p.opts.ApplyOrientation && o > 1}
	width, height := info.Width, info.Height
	if do.turn && o.Transposed() {
		width, height = height, width
	}
	do.width, do.height = p.opts.Resize.target(width, height, p.opts.Enlarge)
	do.encode = p.reencode || do.turn || do.width != width || do.height != height
	do.decode = do.decode || do.encode
	pixels := int64(do.width) * int64(do.height)
	switch {
	case !do.encode:
	case max(do.width, do.height) > maxSide || pixels > p.opts.MaxPixels:
		return do, errs.New(errs.Invalid, "would become %d x %d pixels, more than a JPEG or --max-pixels allows", do.width, do.height)
	case p.opts.Pixels && 3*pixels+ppmHeader > dataset.MaxBlobBytes:
		return do, errs.New(errs.Unsupported, "would have %d bytes of pixels; a sample may have %d", 3*pixels, dataset.MaxBlobBytes)
	}
	return do, nil
}

// transform turns and resizes, and returns the orientation that is left.
func (p *pictures) transform(img pixel.RGB, info codec.Info, do plan) (pixel.RGB, int) {
	orientation := info.Orientation
	if do.turn {
		width, height := img.Width, img.Height
		if pixel.Orientation(orientation).Transposed() {
			width, height = height, width
		}
		upright := pixel.Grow(&p.upright, width, height)
		pixel.Orient(upright, img, pixel.Orientation(orientation))
		img, orientation = upright, 1
	}
	if do.width != img.Width || do.height != img.Height {
		small := pixel.Grow(&p.small, do.width, do.height)
		p.resizer.Resize(small, img, image.Point{}, &pixel.Resampling{Filter: p.opts.Filter,
			Width: img.Width, Height: img.Height, OutWidth: do.width, OutHeight: do.height})
		img = small
	}
	return img, orientation
}

// encode appends img as a JPEG. The encoder is the standard library's: baseline,
// chroma at half resolution both ways (4:2:0), the tables of T.81 annex K scaled
// by the quality as libjpeg does.
func (p *pictures) encode(out []byte, img pixel.RGB, orientation int) ([]byte, error) {
	rgba := p.toRGBA(img)
	to := bytes.NewBuffer(out)
	w := jpegWriter{to: to, orientation: orientation}
	if err := jpeg.Encode(&w, rgba, &jpeg.Options{Quality: p.opts.Quality}); err != nil {
		return nil, errs.New(errs.Internal, "encoding: %w", err)
	}
	return to.Bytes(), nil
}

// toRGBA copies img to the layout for which the encoder has a fast way.
func (p *pictures) toRGBA(img pixel.RGB) *image.RGBA {
	if n := 4 * img.Width * img.Height; cap(p.rgba) < n {
		p.rgba = make([]byte, n)
	}
	m := &image.RGBA{Pix: p.rgba[:4*img.Width*img.Height], Stride: 4 * img.Width, Rect: image.Rect(0, 0, img.Width, img.Height)}
	for y := range img.Height {
		row, to := img.Row(y), m.Pix[y*m.Stride:][:m.Stride]
		for len(to) >= 4 && len(row) >= 3 {
			to[0], to[1], to[2], to[3] = row[0], row[1], row[2], 255
			row, to = row[3:], to[4:]
		}
	}
	return m
}

// keepScratch is the scratch memory that is kept between pictures: enough for
// those of a good camera.
const keepScratch = 3 * 24 << 20

// dropLarge gives back scratch memory that only a rare giant needs.
func (p *pictures) dropLarge() {
	for _, b := range []*[]byte{&p.stored, &p.upright, &p.small, &p.rgba} {
		if cap(*b) > keepScratch {
			*b = nil
		}
	}
	if cap(p.stored) == 0 {
		p.resizer = pixel.Resizer{}
	}
}
