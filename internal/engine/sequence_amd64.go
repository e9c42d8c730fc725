//go:build !noasm

package engine

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:noescape
func widenAVX2(dst *int32, src *uint16, n int)

//go:noescape
func fillAVX2(dst *int32, n int, v int32)

//go:noescape
func prefetchLines(p *byte, n int)

// mostPrefetched bytes of memory are asked for at once: the processor asks for
// what follows by itself.
const mostPrefetched = 1024

// prefetch asks for memory that is read soon.
func prefetch(b []byte) {
	if n := min(len(b), mostPrefetched); n > 0 {
		prefetchLines(unsafe.SliceData(b), n)
	}
}

// widen writes uint16 as int32; dst is as long as src.
func widen(dst []int32, src []uint16) {
	if n := len(src); n >= 16 && len(dst) == n && cpu.X86.HasAVX2 {
		widenAVX2(unsafe.SliceData(dst), unsafe.SliceData(src), n)
		return
	}
	widenGeneric(dst, src)
}

func fillInt32(dst []int32, v int32) {
	if n := len(dst); n >= 8 && cpu.X86.HasAVX2 {
		fillAVX2(unsafe.SliceData(dst), n, v)
		return
	}
	fillGeneric(dst, v)
}
