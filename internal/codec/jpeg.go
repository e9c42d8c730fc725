package codec

import (
	"errors"

	"stoker/internal/errs"
	"stoker/internal/pixel"
	"stoker/jpeg"
)

// jpegDecoder reads JPEG with stoker/jpeg.
type jpegDecoder struct {
	decoder jpeg.Decoder
	limits  Limits
}

func (*jpegDecoder) Version() string { return "stoker-jpeg/1" }

func (*jpegDecoder) Info(src []byte) (Info, error) {
	h, err := jpeg.ParseHeader(src)
	if err != nil {
		return Info{}, jpegError(err)
	}
	return Info{Format: JPEG, Width: h.Width, Height: h.Height, Orientation: h.Orientation}, nil
}

func (d *jpegDecoder) Decode(src []byte, req Request, dst pixel.RGB) (err error) {
	opts := jpeg.Options{Partial: req.Partial, Unverified: req.Checked, MaxPixels: d.limits.MaxPixels}
	switch {
	case len(req.Index) > 0:
		opts.Index = req.Index
		err = d.decoder.Decode(dst.Pix, dst.Stride, src, req.Region, opts)
	case req.Made != nil && !req.Partial:
		*req.Made, err = d.decoder.DecodeAndIndex(dst.Pix, dst.Stride, src, req.Region, opts, *req.Made, jpeg.DefaultStep)
	default:
		err = d.decoder.Decode(dst.Pix, dst.Stride, src, req.Region, opts)
	}
	if err != nil {
		return jpegError(err)
	}
	return nil
}

// appendIndex appends the entropy index; images that can have none add nothing.
func (d *jpegDecoder) appendIndex(dst, src []byte, step int) ([]byte, error) {
	index, err := d.decoder.AppendIndex(dst, src, step)
	var e *jpeg.Error
	if errors.As(err, &e) && e.Kind == jpeg.Unsupported {
		return dst, nil
	}
	if err != nil {
		return dst, jpegError(err)
	}
	return index, nil
}

// jpegError gives the decoder's kinds the project's.
func jpegError(err error) error {
	var e *jpeg.Error
	if !errors.As(err, &e) {
		return errs.New(errs.Internal, "%w", err)
	}
	switch e.Kind {
	case jpeg.Unsupported:
		return errs.New(errs.Unsupported, "%w", err).WithHint("convert the file to an ordinary JPEG or PNG")
	case jpeg.TooLarge:
		return errs.New(errs.Invalid, "%w", err).WithHint("leave the file out, or shrink it")
	case jpeg.BadArgument:
		return errs.New(errs.Internal, "%w", err)
	}
	return corrupt(JPEG, "%w", err)
}
