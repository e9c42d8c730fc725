package pixel

// The kernels in use. See kernels_amd64.go for the choice; the generic ones are
// the oracle.
var (
	vertical   verticalKernel   = verticalGeneric
	horizontal horizontalKernel = horizontalGeneric

	// The rest are nil where only tables or plain loops are there.
	toFloat32, toFloat16, toBFloat16 func(dst, src *byte, n int, s *scale)
	planes                           func(red, green, blue, src *byte, n int)
	merge, lumaOf                    func(dst, red, green, blue *byte, n int)
	blendBytes                       func(p *byte, n int, base, factor float32)
	saturate                         func(red, green, blue *byte, n int, factor float32)
	hueOf                            func(red, green, blue *byte, n int, shift uint32)
)

// verticalKernel resamples every column of src, whose first row is row y0 of the
// source, into dst.
type verticalKernel func(dst, src RGB, a *axis, y0 int)

// horizontalKernel resamples every row of src, whose first column is column x0 of
// the source, into the same row of dst. Behind every row of dst is room for
// rowSlack bytes, which it may overwrite.
type horizontalKernel func(dst, src RGB, a *axis, x0 int)

const rowSlack = 16

// level is a set of kernels.
type level uint8

const (
	levelGeneric level = iota
	levelAVX2
	levelAVX512
)
