//go:build !noasm

package pixel

import "stoker/internal/tensor"

//go:noescape
func float32AVX2(dst, src *byte, n int, scale *scale)

//go:noescape
func float16AVX2(dst, src *byte, n int, scale *scale)

//go:noescape
func bfloat16AVX2(dst, src *byte, n int, scale *scale)

//go:noescape
func planesAVX2(red, green, blue, src *byte, n int)

//go:noescape
func mergeAVX2(dst, red, green, blue *byte, n int)

//go:noescape
func blendAVX2(p *byte, n int, base, factor float32)

//go:noescape
func lumaAVX2(dst, red, green, blue *byte, n int)

//go:noescape
func saturateAVX2(red, green, blue *byte, n int, factor float32)

//go:noescape
func hueAVX2(red, green, blue *byte, n int, shift uint32)

// The functions below do as much as the kernels can and return how much that was:
// the rest is the caller's.

// wideScale converts a multiple of pattern elements.
func wideScale(dst, src []byte, d tensor.DType, s *scale) (elements int) {
	n := len(src) / pattern * pattern
	if inUse < levelAVX2 || n == 0 {
		return 0
	}
	_ = dst[n*d.Size()-1]
	switch d {
	case tensor.Float32:
		float32AVX2(&dst[0], &src[0], n, s)
	case tensor.Float16:
		float16AVX2(&dst[0], &src[0], n, s)
	case tensor.BFloat16:
		bfloat16AVX2(&dst[0], &src[0], n, s)
	}
	return n
}

// widePlanes parts a multiple of 16 pixels into channels.
func widePlanes(red, green, blue, src []byte) (pixels int) {
	n := len(src) / 48 * 16
	if inUse < levelAVX2 || n == 0 {
		return 0
	}
	_, _, _ = red[n-1], green[n-1], blue[n-1]
	planesAVX2(&red[0], &green[0], &blue[0], &src[0], n)
	return n
}

// wideMerge joins the channels of a multiple of 16 pixels.
func wideMerge(dst []byte, c *channels, n int) (pixels int) {
	n &^= 15
	if inUse < levelAVX2 || n == 0 {
		return 0
	}
	_ = dst[3*n-1]
	mergeAVX2(&dst[0], &c.red[0], &c.green[0], &c.blue[0], n)
	return n
}

// wideBlend blends a multiple of 32 bytes with base.
func wideBlend(p []byte, base byte, factor float32) (bytes int) {
	n := len(p) &^ 31
	if inUse < levelAVX2 || n == 0 {
		return 0
	}
	blendAVX2(&p[0], n, float32(base), factor)
	return n
}

// The kernels on channels do all pixels or none, and spoil what lies behind.

func (c *channels) wideLuma(grey *[part]byte, n int) bool {
	if inUse < levelAVX2 {
		return false
	}
	lumaAVX2(&grey[0], &c.red[0], &c.green[0], &c.blue[0], (n+7)&^7)
	return true
}

func (c *channels) wideSaturate(n int, factor float32) bool {
	if inUse < levelAVX2 {
		return false
	}
	saturateAVX2(&c.red[0], &c.green[0], &c.blue[0], (n+7)&^7, factor)
	return true
}

func (c *channels) wideHue(n int, shift uint8) bool {
	if inUse < levelAVX2 {
		return false
	}
	hueAVX2(&c.red[0], &c.green[0], &c.blue[0], (n+7)&^7, uint32(shift))
	return true
}
