package engine

import (
	"stoker/internal/pixel"
	"stoker/jpeg"
)

// Kernels names the vector instructions that pictures are decoded and resized with
// on this processor: "AVX-512", "AVX2", "generic" for none, or two of them.
func Kernels() string {
	decode, resize := jpeg.Kernels(), pixel.Kernels()
	if decode == resize {
		return decode
	}
	return decode + " to decode, " + resize + " to resize"
}

// kernelNotes says so where there are none: nobody should wonder why it is slow.
func kernelNotes() []string {
	if Kernels() != "generic" {
		return nil
	}
	return []string{"Stoker has vector kernels for x86-64 with AVX2 or AVX-512 only: on this processor JPEGs take 3 to 10 times as long to decode"}
}
