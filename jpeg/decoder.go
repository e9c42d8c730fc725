package jpeg

import "image"

// Header is what an image tells before a pixel is decoded.
type Header struct {
	Width, Height int
	Orientation   int // EXIF tag 274, 1 to 8; 1 where absent or invalid
	Components    int // 1 grey, 3 colour, 4 with black
	Progressive   bool
	// Sampling holds the horizontal and vertical factors of each component.
	Sampling [4][2]int
	// RestartInterval is the number of MCUs between restart markers, 0 for none.
	RestartInterval int
}

// Options change how an image is decoded. The zero value is ready to use.
type Options struct {
	// Partial asks for the pixels that libjpeg gives for damaged or truncated
	// data: what could be decoded, and grey for the rest. Decode still returns
	// the error, with Error.Pixels true where there is a picture.
	Partial bool

	// Index is the entropy index of the image, from BuildIndex, or nil. With it
	// Decode reads only the MCUs that the region needs. An index that is damaged
	// or does not belong to src is an error of kind BadIndex. Images of several
	// scans have none: it must be nil for them.
	Index []byte

	// Unverified leaves out comparing the checksum of src with the one in Index;
	// that of the header is compared in any case. It is for callers who have
	// checked src themselves, or who read only the Ranges of an Outline of it.
	Unverified bool

	// MaxPixels bounds width times height; a larger image is refused before any
	// memory is taken. 0 means DefaultMaxPixels.
	MaxPixels int64

	// MaxScans bounds the scans of a progressive or multi-scan image, each of
	// which may cost a pass over all its coefficients. 0 means DefaultMaxScans.
	MaxScans int
}

// Limits of the zero Options.
const (
	DefaultMaxPixels = 178_956_970 // as in Pillow
	DefaultMaxScans  = 100         // encoders make about 10
)

// Decoder decodes images. It keeps its tables and buffers between calls, so
// that decoding further images of similar size takes no memory; their size is
// that of the largest image so far: a few MCU rows of samples and coefficients
// and one copy of the compressed data for a baseline image, and two bytes per
// sample of the whole image for one of several scans.
//
// The zero value is ready to use, by one goroutine at a time.
type Decoder struct {
	p      parser
	dc, ac [4]lookup
	scan   scanState
	out    output
	coef   []int16 // coefficients: of a strip, or of the whole image

	rowCoefs       int   // of an MCU row of a single scan
	jobs, skipJobs []job // blocks of an MCU row that is wanted, and of one that is not
	strip          [stripRows]indexedRow
	recoded        recoded

	progressive progressiveScan
	smooth      smoother
	oneScan     bool // set by loadAll
	lastGood    int  // last MCU row for which the last progressive scan had data
}

// ParseHeader reads an image's header, up to its first scan.
func ParseHeader(src []byte) (Header, error) {
	if IsRecoded(src) {
		var d Decoder
		if err := d.openRecoded(src); err != nil {
			return Header{}, err
		}
		return d.p.header(), nil
	}
	var p parser
	if err := p.toScan(src); err != nil {
		return Header{}, err
	}
	return p.header(), nil
}

func (p *parser) header() Header {
	f := &p.frame
	h := Header{
		Width: f.width, Height: f.height, Orientation: p.orientation,
		Components: f.ncomp, Progressive: f.progressive, RestartInterval: p.restartInterval,
	}
	for i := range f.ncomp {
		h.Sampling[i] = [2]int{f.comp[i].h, f.comp[i].v}
	}
	return h
}

// toScan reads up to the first scan header.
func (p *parser) toScan(src []byte) error {
	if err := p.start(src); err != nil {
		return err
	}
	ok, err := p.next()
	if err != nil {
		return err
	}
	if !ok {
		return errAt(Truncated, p.pos, "image ends without a scan")
	}
	p.setColour()
	return nil
}

// Decode writes the pixels of region, in the coordinates of the stored image,
// to dst: three bytes R, G, B per pixel, rows stride bytes apart. The zero
// Rectangle stands for the whole image. src is only read, and no more of it
// than the region needs; damage elsewhere goes unnoticed.
//
// Errors are of type *Error. Where one is returned, dst is undefined unless its
// Pixels is true, which it is only if Options.Partial was set.
func (d *Decoder) Decode(dst []byte, stride int, src []byte, region image.Rectangle, opts Options) error {
	var err error
	d.scan.damage = nil
	isRecoded := IsRecoded(src)
	if isRecoded {
		err = d.openRecoded(src)
	} else {
		d.p = parser{}
		err = d.p.toScan(src)
	}
	f := &d.p.frame
	if err == nil {
		err = opts.admit(f)
	}
	if region == (image.Rectangle{}) {
		region = image.Rect(0, 0, f.width, f.height)
	}
	if err == nil {
		err = checkTarget(dst, stride, region, f)
	}
	switch {
	case err != nil:
	case isRecoded:
		d.decodeRecoded(dst, stride, region)
	default:
		err = d.decodeScan(dst, stride, region, opts)
	}
	d.p.src, d.out.dst = nil, nil // they belong to the caller
	d.recoded.blocks, d.recoded.rows, d.recoded.chunks, d.recoded.rest = nil, nil, nil, nil
	d.recoded.streams.kernel = [recodedRows]packedStream{}
	if err == nil && d.scan.damage != nil {
		d.scan.damage.Pixels = true
		return d.scan.damage
	}
	return err
}

// decodeScan decodes a JPEG image whose header has been read.
func (d *Decoder) decodeScan(dst []byte, stride int, region image.Rectangle, opts Options) error {
	f := &d.p.frame
	if !f.progressive {
		d.p.supplyTables()
	}
	if d.p.scan.n != f.ncomp || f.progressive {
		return d.decodeScans(dst, stride, region, opts)
	}
	if err := d.setup(); err != nil {
		return err
	}
	if err := d.latch(); err != nil {
		return err
	}
	if opts.Index != nil {
		d.prepare(dst, stride, region, stripRows)
		return d.decodeIndexed(opts)
	}
	d.prepare(dst, stride, region, 1)
	return d.decodeOneScan(opts)
}

func (o *Options) admit(f *frame) error {
	limit := o.MaxPixels
	if limit == 0 {
		limit = DefaultMaxPixels
	}
	if int64(f.width)*int64(f.height) > limit {
		return errAt(TooLarge, -1, "%dx%d pixels, the limit is %d", f.width, f.height, limit)
	}
	return nil
}

func checkTarget(dst []byte, stride int, r image.Rectangle, f *frame) error {
	if r.Empty() || !r.In(image.Rect(0, 0, f.width, f.height)) {
		return errAt(BadArgument, -1, "region %v is empty or outside of the %dx%d image", r, f.width, f.height)
	}
	row := 3 * r.Dx()
	if stride < row || len(dst) < row || (len(dst)-row)/stride < r.Dy()-1 {
		return errAt(BadArgument, -1, "destination of %d bytes with stride %d is too small for %v", len(dst), stride, r)
	}
	return nil
}

// decodeOneScan decodes an image whose only scan holds all components, row by
// row.
func (d *Decoder) decodeOneScan(opts Options) error {
	f, o, s := &d.p.frame, &d.out, &d.scan
	d.rowJobs(0, f.mcusX)
	d.skipJobs = d.skipJobs[:0]
	if o.r0 > 0 {
		d.skipJobs = s.plan.appendJobs(d.skipJobs, -1, f.mcusX)
	}
	s.begin(d.p.src, d.p.scan.start, d.p.restartInterval)
	for r := range o.r1 {
		jobs := d.jobs
		switch {
		case r < o.r0:
			jobs = d.skipJobs
		case r+1 == o.r1:
			jobs = jobs[:o.c1*s.plan.n]
		}
		if r >= o.r0 {
			clear(d.coef)
		}
		s.decode(d.p.src, d.coef, jobs)
		if s.damage != nil && !opts.Partial {
			return s.damage
		}
		if r >= o.r0 {
			d.finishRows(r, 1)
		}
	}
	return nil
}

// prepare makes ready for decoding a region from a single scan, in strips of so
// many MCU rows.
func (d *Decoder) prepare(dst []byte, stride int, region image.Rectangle, strip int) {
	d.out.begin(&d.p.frame, region, dst, stride, strip)
	d.rowCoefs = d.out.placeRow(&d.p.frame, &d.scan.plan, d.out.c1-d.out.c0)
	d.coef = grow(d.coef, strip*d.rowCoefs)
}

// rowJobs lists the blocks of MCUs from to to of a row that the region needs a
// part of.
func (d *Decoder) rowJobs(from, to int) {
	plan, o := &d.scan.plan, &d.out
	d.jobs = plan.appendJobs(d.jobs[:0], -1, o.c0-from)
	d.jobs = plan.appendJobs(d.jobs, 0, o.c1-o.c0)
	d.jobs = plan.appendJobs(d.jobs, -1, to-o.c1)
}

// finishRows turns the coefficients of n MCU rows from r on into pixels.
func (d *Decoder) finishRows(r, n int) {
	o := &d.out
	d.transform(n, o.c0, o.c0, o.c1)
	d.finishSamples(r, n)
}

// transform makes the samples of MCUs from to to of n rows from the coefficient
// store, whose first MCU is number first of its row.
func (d *Decoder) transform(n, first, from, to int) {
	f := &d.p.frame
	for q := range n {
		for i := range f.ncomp {
			c := &f.comp[i]
			coef := d.coef[q*d.rowCoefs+c.blockOff+(from-first)*c.h*64:]
			d.out.transformPart(c, coef, c.blockRowStride, q, from, to)
		}
	}
}

// finishSamples turns the samples of n MCU rows from r on into pixels.
func (d *Decoder) finishSamples(r, n int) {
	f := &d.p.frame
	for i := range f.ncomp {
		d.out.mirrorEdges(&f.comp[i], n)
	}
	d.out.emit(f, r, n)
}

// grow returns a slice of n elements, reusing s where it is large enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n+n/8)[:n]
	}
	return s[:n]
}
