package codec

import (
	"image"
	"slices"
	"strings"

	"stoker/internal/errs"
	"stoker/internal/pixel"
	"stoker/jpeg"
)

// DefaultMaxPixels is the size above which an image counts as a decompression
// bomb: the one of Pillow's warning doubled, where Pillow raises an error.
const DefaultMaxPixels = 178_956_970

// Limits bound what hostile bytes can make a decoder do.
type Limits struct {
	MaxPixels int64 // width times height; 0 means DefaultMaxPixels
}

// Sniff names the format of src by its first bytes, or Unknown.
func Sniff(src []byte) Format {
	s := string(src[:min(len(src), 16)])
	switch {
	case strings.HasPrefix(s, "\xff\xd8\xff"), jpeg.IsRecoded(src):
		return JPEG
	case strings.HasPrefix(s, "\x89PNG\r\n\x1a\n"):
		return PNG
	case strings.HasPrefix(s, "GIF87a"), strings.HasPrefix(s, "GIF89a"):
		return GIF
	case strings.HasPrefix(s, "BM"):
		return BMP
	case len(s) > 2 && s[:2] == "P6" && (isSpace(s[2]) || s[2] == '#'):
		return PPM
	case len(s) == 16 && s[:4] == "RIFF" && s[8:12] == "WEBP":
		return WebP
	}
	return Unknown
}

// Set holds one decoder of each format for one goroutine.
type Set struct {
	limits   Limits
	decoders [PPM + 1]Decoder
}

// NewSet returns decoders that refuse images beyond the limits.
func NewSet(l Limits) *Set {
	if l.MaxPixels <= 0 {
		l.MaxPixels = DefaultMaxPixels
	}
	s := &Set{limits: l}
	for f := JPEG; f <= PPM; f++ {
		s.decoders[f] = newDecoder(f, l)
	}
	return s
}

func newDecoder(f Format, l Limits) Decoder {
	switch f {
	case JPEG:
		return &jpegDecoder{limits: l}
	case PNG:
		return new(pngDecoder)
	case WebP:
		return new(webpDecoder)
	case GIF:
		return new(gifDecoder)
	case BMP:
		return new(bmpDecoder)
	}
	return new(ppmDecoder)
}

// Info reads the header of src, whose format it finds by the first bytes.
// Larger images than the limit are an error of kind Invalid.
func (s *Set) Info(src []byte) (Info, error) {
	f := Sniff(src)
	if f == Unknown {
		return Info{}, unknownFormat(src)
	}
	return s.info(src, f)
}

func (s *Set) info(src []byte, f Format) (info Info, err error) {
	defer recoverFrom(f, &err)
	info, err = s.decoders[f].Info(src)
	if err != nil {
		return Info{}, err
	}
	info.Format = f
	if info.Orientation < 1 || info.Orientation > 8 {
		info.Orientation = 1
	}
	if info.Width <= 0 || info.Height <= 0 {
		return Info{}, corrupt(f, "its size is %d x %d", info.Width, info.Height)
	}
	if int64(info.Width)*int64(info.Height) > s.limits.MaxPixels {
		return Info{}, errs.New(errs.Invalid, "%v image of %d x %d pixels is above the limit of %d pixels",
			f, info.Width, info.Height, s.limits.MaxPixels).
			WithHint("shrink the file, or leave it out; such sizes are taken for decompression bombs")
	}
	return info, nil
}

// Decode writes the region of src, which has format f, into dst. The size is
// checked against the limit before any memory is taken.
func (s *Set) Decode(src []byte, f Format, req Request, dst pixel.RGB) (err error) {
	if f < JPEG || f > PPM {
		return unknownFormat(src)
	}
	info, err := s.info(src, f)
	if err != nil {
		return err
	}
	whole := image.Rect(0, 0, info.Width, info.Height)
	if req.Region.Empty() {
		req.Region = whole
	}
	if !req.Region.In(whole) {
		return corrupt(f, "its size is %d x %d, and the region %v was wanted", info.Width, info.Height, req.Region)
	}
	if req.Region.Dx() != dst.Width || req.Region.Dy() != dst.Height {
		return errs.New(errs.Internal, "destination of %d x %d pixels for the region %v", dst.Width, dst.Height, req.Region)
	}
	if req.Partial {
		pixel.Fill(dst, [3]byte{})
	}
	defer recoverFrom(f, &err)
	return s.decoders[f].Decode(src, req, dst)
}

// DefaultIndexStep is the step of AppendIndex that measured best on photographs.
const DefaultIndexStep = jpeg.DefaultStep

// AppendIndex appends the side index of src that Request.Index takes, with an
// entry every step MCUs, or nothing where the format or the image has none.
func (s *Set) AppendIndex(dst, src []byte, f Format, step int) (index []byte, err error) {
	if f != JPEG {
		return dst, nil
	}
	if _, err := s.info(src, f); err != nil {
		return dst, err
	}
	defer recoverFrom(f, &err)
	return s.decoders[f].(*jpegDecoder).appendIndex(dst, src, step)
}

// recoverFrom turns a panic of a decoder into an error: some are not ours, and
// hostile bytes must not end a training run. The kind says that it is a bug.
func recoverFrom(f Format, err *error) {
	if r := recover(); r != nil {
		*err = errs.New(errs.Internal, "the %v decoder panicked: %v", f, r).
			WithHint("the file is most likely damaged; please report it")
	}
}

// Version names the decoder of f and the version of its pixels.
func Version(f Format) string {
	if f < JPEG || f > PPM {
		return "none"
	}
	return newDecoder(f, Limits{}).Version()
}

// Versions names the decoders of some formats, or of all where none is given, on
// one line, for fingerprints; but for that of PPM, which has nothing to decide.
func Versions(of ...Format) string {
	var all []string
	for f := JPEG; f <= BMP; f++ {
		if len(of) == 0 || slices.Contains(of, f) {
			all = append(all, f.String()+"="+Version(f))
		}
	}
	return strings.Join(all, " ")
}

func unknownFormat(src []byte) error {
	if len(src) == 0 {
		return errs.New(errs.Corrupt, "the file is empty")
	}
	return errs.New(errs.Unsupported, "neither JPEG, PNG, WebP, GIF, BMP nor PPM: it begins with %x", src[:min(len(src), 8)]).
		WithHint("convert the file to one of these formats")
}

func corrupt(f Format, format string, args ...any) error {
	err := errs.New(errs.Corrupt, format, args...)
	err.Msg = "not a whole " + f.String() + " image: " + err.Msg
	return err
}

func unsupported(f Format, format string, args ...any) error {
	err := errs.New(errs.Unsupported, format, args...)
	err.Msg = f.String() + " image with " + err.Msg
	return err.WithHint("convert the file to an ordinary JPEG or PNG")
}
