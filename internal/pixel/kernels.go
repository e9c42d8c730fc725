package pixel

// The resampling kernels in use. See kernels_amd64.go for the choice; the generic
// ones are the oracle. The smaller kernels are called directly (wide_amd64.go):
// memory that goes through a function variable cannot lie on the stack.
var (
	vertical   verticalKernel   = verticalGeneric
	horizontal horizontalKernel = horizontalGeneric
)

// verticalKernel resamples every column of src, whose first row is row y0 of the
// source, into dst.
type verticalKernel func(dst, src RGB, a *axis, y0 int)

// horizontalKernel resamples every row of src, whose first column is column x0 of
// the source, into the same row of dst. Behind every row of dst is room for
// rowSlack bytes, which it may overwrite, unless the row's bytes are a multiple of
// rowSlack.
type horizontalKernel func(dst, src RGB, a *axis, x0 int)

const rowSlack = 16

// level is a set of kernels.
type level uint8

const (
	levelGeneric level = iota
	levelAVX2
	levelAVX512
)

// kernels names the kernels in use.
var kernels = "generic"

// Kernels names the vector instructions that are used on this processor:
// "AVX-512", "AVX2", or "generic" for none.
func Kernels() string { return kernels }
