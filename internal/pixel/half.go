package pixel

import "math"

// BFloat16 rounds v to the nearest bfloat16, halves to even.
func BFloat16(v float32) uint16 {
	b := math.Float32bits(v)
	if v != v {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// Float16 rounds v to the nearest IEEE 754 binary16, halves to even.
func Float16(v float32) uint16 {
	const (
		mantissa = 23 - 10                        // bits to drop
		bias     = (127 - 15) << 23               // difference of the exponents
		smallest = (127 - 14) << 23               // bits of the least normal half
		infinite = (127 + 16) << 23               // bits of the first power of two beyond
		magic    = (127 - 15 + 23 - 10 + 1) << 23 // adding it leaves a subnormal half in the low bits
	)
	b := math.Float32bits(v)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00
	case b >= infinite:
		return sign | 0x7c00
	case b < smallest:
		sum := math.Float32frombits(b) + math.Float32frombits(magic)
		return sign | uint16(math.Float32bits(sum)-magic)
	}
	b += 1<<(mantissa-1) - 1 + b>>mantissa&1
	return sign | uint16((b-bias)>>mantissa)
}
