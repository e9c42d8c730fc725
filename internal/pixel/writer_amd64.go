//go:build !noasm

package pixel

//go:noescape
func float32AVX2(dst, src *byte, n int, scale *scale)

//go:noescape
func float16AVX2(dst, src *byte, n int, scale *scale)

//go:noescape
func bfloat16AVX2(dst, src *byte, n int, scale *scale)

//go:noescape
func planesAVX2(red, green, blue, src *byte, n int)
