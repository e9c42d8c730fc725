//go:build !noasm

package pixel

//go:noescape
func blendAVX2(p *byte, n int, base, factor float32)

//go:noescape
func lumaAVX2(dst, red, green, blue *byte, n int)

//go:noescape
func saturateAVX2(red, green, blue *byte, n int, factor float32)

//go:noescape
func mergeAVX2(dst, red, green, blue *byte, n int)

//go:noescape
func hueAVX2(red, green, blue *byte, n int, shift uint32)
