package engine

import (
	"encoding/binary"
	"math"
	"unsafe"

	"stoker/internal/tensor"
)

// convert writes stored numbers, little-endian as all that Stoker runs on, as the
// element type of the batch. dst has as many elements as src. Both are aligned to
// their elements: slots are, and Arrow places values so.
func convert(dst, src []byte, from, to tensor.DType) {
	switch {
	case from == to:
		copy(dst, src)
	case from == tensor.Uint16 && to == tensor.Int32:
		widen(view[int32](dst), view[uint16](src))
	case from == tensor.Uint16:
		wide, narrow := view[int64](dst), view[uint16](src)
		for i, v := range narrow {
			wide[i] = int64(v)
		}
	default: // int32 to int64
		wide, narrow := view[int64](dst), view[int32](src)
		for i, v := range narrow {
			wide[i] = int64(v)
		}
	}
}

// view returns memory as numbers; what does not fill a last one is left out.
func view[T int32 | int64 | uint16](b []byte) []T {
	var one T
	n := len(b) / int(unsafe.Sizeof(one))
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// widenGeneric is widen without assembly, eight at a time.
func widenGeneric(dst []int32, src []uint16) {
	dst = dst[:len(src)]
	i := 0
	for ; i+8 <= len(src); i += 8 {
		d, s := dst[i:i+8:i+8], src[i:i+8:i+8]
		d[0], d[1], d[2], d[3] = int32(s[0]), int32(s[1]), int32(s[2]), int32(s[3])
		d[4], d[5], d[6], d[7] = int32(s[4]), int32(s[5]), int32(s[6]), int32(s[7])
	}
	for ; i < len(src); i++ {
		dst[i] = int32(src[i])
	}
}

// repeat fills dst with a number.
func repeat(dst []byte, v int64, to tensor.DType) {
	if v == 0 || len(dst) == 0 {
		clear(dst)
		return
	}
	le := binary.LittleEndian
	var one [8]byte
	switch to {
	case tensor.Float32:
		le.PutUint32(one[:], math.Float32bits(float32(v)))
	case tensor.Float64:
		le.PutUint64(one[:], math.Float64bits(float64(v)))
	default:
		le.PutUint64(one[:], uint64(v))
	}
	spread(dst, copy(dst, one[:to.Size()]))
}

// spread copies the first n elements over all of dst: each copy is twice as long
// as the one before, at the speed of copying.
func spread[T any](dst []T, n int) {
	for n < len(dst) {
		n += copy(dst[n:], dst[:n])
	}
}

// counted are the first numbers, for count: copying is six times as fast as
// counting.
var counted = func() (numbers [4096]int32) {
	for i := range numbers {
		numbers[i] = int32(i)
	}
	return numbers
}()

// count writes 0, 1, 2, ...
func count(dst []int32) {
	for n := copy(dst, counted[:]); n < len(dst); n++ {
		dst[n] = int32(n)
	}
}

// fillGeneric is fillInt32 without assembly.
func fillGeneric(dst []int32, v int32) {
	if v == 0 {
		clear(dst)
		return
	}
	n := min(len(dst), 16)
	for i := range dst[:n] {
		dst[i] = v
	}
	spread(dst, n)
}

func fillBytes(dst []byte, v byte) {
	n := min(len(dst), 16)
	for i := range dst[:n] {
		dst[i] = v
	}
	spread(dst, n)
}
