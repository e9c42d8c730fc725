//go:build !noasm

package pixel

import "golang.org/x/sys/cpu"

// bestLevel returns the widest kernels that the processor runs. Those of AVX-512
// need what came with Ice Lake and Zen 4.
func bestLevel() level {
	x := &cpu.X86
	switch {
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VBMI && x.HasAVX512VNNI:
		return levelAVX512
	case x.HasAVX2 && x.HasFMA:
		return levelAVX2
	}
	return levelGeneric
}

// inUse is the level whose kernels are called.
var inUse level

func init() { useLevel(bestLevel()) }

// useLevel chooses the kernels; tests call it to compare them.
func useLevel(l level) {
	vertical, horizontal = verticalGeneric, horizontalGeneric
	inUse = l
	kernels = [...]string{"generic", "AVX2", "AVX-512"}[l]
	switch l {
	case levelAVX512:
		vertical, horizontal = vertical512, horizontalBy512
	case levelAVX2:
		vertical, horizontal = verticalBy(32, verticalAVX2), horizontalBy256
	}
}
