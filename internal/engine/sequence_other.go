//go:build noasm || !amd64

package engine

// widen writes uint16 as int32; dst is as long as src.
func widen(dst []int32, src []uint16) { widenGeneric(dst, src) }

func fillInt32(dst []int32, v int32) { fillGeneric(dst, v) }

func prefetch([]byte) {}
