//go:build noasm || !amd64

package pixel

import "stoker/internal/tensor"

func bestLevel() level { return levelGeneric }

func useLevel(level) {}

// wideAxis is what the assembly needs beside an axis: here nothing.
type wideAxis struct{}

func (*wideAxis) stale() {}

func (*axis) wideTriangles(*ruler) bool { return false }

// The kernels that are not there do nothing.

func wideScale(_, _ []byte, _ tensor.DType, _ *scale) int { return 0 }

func widePlanes(_, _, _, _ []byte) int { return 0 }

func wideMerge([]byte, *channels, int) int { return 0 }

func wideBlend([]byte, byte, float32) int { return 0 }

func (*channels) wideLuma(*[part]byte, int) bool { return false }

func (*channels) wideSaturate(int, float32) bool { return false }

func (*channels) wideHue(int, uint8) bool { return false }
