package engine

import (
	"encoding/binary"
	"math"

	"stoker/internal/tensor"
)

// convert writes stored numbers, little-endian, as the element type of the batch.
// dst has as many elements as src.
func convert(dst, src []byte, from, to tensor.DType) {
	le := binary.LittleEndian
	switch {
	case from == to:
		copy(dst, src)
	case from == tensor.Uint16 && to == tensor.Int32:
		widen(dst, src)
	case from == tensor.Uint16:
		for i := range len(src) / 2 {
			le.PutUint64(dst[8*i:], uint64(le.Uint16(src[2*i:])))
		}
	default: // int32 to int64
		for i := range len(src) / 4 {
			le.PutUint64(dst[8*i:], uint64(int64(int32(le.Uint32(src[4*i:])))))
		}
	}
}

// widen writes uint16 as int32, four at a time: packed rows are mostly this.
func widen(dst, src []byte) {
	le := binary.LittleEndian
	for len(src) >= 8 && len(dst) >= 16 {
		x := le.Uint64(src)
		le.PutUint64(dst, x&0xffff|(x&0xffff0000)<<16)
		x >>= 32
		le.PutUint64(dst[8:], x&0xffff|(x&0xffff0000)<<16)
		dst, src = dst[16:], src[8:]
	}
	for i := range len(src) / 2 {
		le.PutUint32(dst[4*i:], uint32(le.Uint16(src[2*i:])))
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
	for n := copy(dst, one[:to.Size()]); n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}

// count writes 0, 1, 2, ...
func count(dst []int32) {
	for i := range dst {
		dst[i] = int32(i)
	}
}

func fillInt32(dst []int32, v int32) {
	if v == 0 {
		clear(dst)
		return
	}
	for i := range dst {
		dst[i] = v
	}
}

func fillBytes(dst []byte, v byte) {
	for i := range dst {
		dst[i] = v
	}
}
