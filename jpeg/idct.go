package jpeg

// Constants of the accurate integer inverse DCT of Loeffler, Ligtenberg and
// Moschytz (ICASSP 1989) with 13 fraction bits, as libjpeg's jidctint uses it.
const (
	fix0298 = 2446
	fix0390 = 3196
	fix0541 = 4433
	fix0765 = 6270
	fix0899 = 7373
	fix1175 = 9633
	fix1501 = 12299
	fix1847 = 15137
	fix1961 = 16069
	fix2053 = 16819
	fix2562 = 20995
	fix3072 = 25172
)

// idctRowGeneric dequantises and transforms n blocks that lie one after the
// other in coef, and writes them side by side to out, whose rows are stride
// bytes apart.
//
// Its arithmetic is that of libjpeg-turbo's vector code: products of
// dequantisation and some sums wrap at 16 bits, results of the first pass
// saturate there. Only coefficients far outside of what an encoder makes show
// the difference to libjpeg's C code.
func idctRowGeneric(coef []int16, n int, quant *[64]uint16, out []byte, stride int) {
	for b := range n {
		idctBlock((*[64]int16)(coef[b*64:]), quant, out[b*8:], stride)
	}
}

func idctBlock(coef *[64]int16, quant *[64]uint16, out []byte, stride int) {
	var w [64]int32
	short := noRowsBelow(coef)
	for x := range 8 {
		v0 := coef[x] * int16(quant[x])
		if short {
			// libjpeg-turbo's vector code takes a short cut that wraps where the
			// full way saturates.
			for y := range 8 {
				w[8*y+x] = int32(v0 << 2)
			}
			continue
		}
		r0, r1, r2, r3, r4, r5, r6, r7 := idct8(v0,
			coef[8+x]*int16(quant[8+x]), coef[16+x]*int16(quant[16+x]), coef[24+x]*int16(quant[24+x]),
			coef[32+x]*int16(quant[32+x]), coef[40+x]*int16(quant[40+x]), coef[48+x]*int16(quant[48+x]),
			coef[56+x]*int16(quant[56+x]))
		const half = 1 << 10
		w[x] = saturate16((r0 + half) >> 11)
		w[8+x] = saturate16((r1 + half) >> 11)
		w[16+x] = saturate16((r2 + half) >> 11)
		w[24+x] = saturate16((r3 + half) >> 11)
		w[32+x] = saturate16((r4 + half) >> 11)
		w[40+x] = saturate16((r5 + half) >> 11)
		w[48+x] = saturate16((r6 + half) >> 11)
		w[56+x] = saturate16((r7 + half) >> 11)
	}
	for y := range 8 {
		v := (*[8]int32)(w[8*y:])
		r0, r1, r2, r3, r4, r5, r6, r7 := idct8(int16(v[0]), int16(v[1]), int16(v[2]), int16(v[3]),
			int16(v[4]), int16(v[5]), int16(v[6]), int16(v[7]))
		const half = 1 << 17
		row := (*[8]byte)(out[y*stride:])
		row[0] = clamp8((r0+half)>>18 + 128)
		row[1] = clamp8((r1+half)>>18 + 128)
		row[2] = clamp8((r2+half)>>18 + 128)
		row[3] = clamp8((r3+half)>>18 + 128)
		row[4] = clamp8((r4+half)>>18 + 128)
		row[5] = clamp8((r5+half)>>18 + 128)
		row[6] = clamp8((r6+half)>>18 + 128)
		row[7] = clamp8((r7+half)>>18 + 128)
	}
}

// noRowsBelow tells whether only the first row of coefficients is in use.
func noRowsBelow(coef *[64]int16) bool {
	var any int16
	for _, v := range coef[8:] {
		any |= v
	}
	return any == 0
}

// idct8 is the one-dimensional transform, scaled up by 2^13 * sqrt(8).
func idct8(v0, v1, v2, v3, v4, v5, v6, v7 int16) (r0, r1, r2, r3, r4, r5, r6, r7 int32) {
	z2, z3 := int32(v2), int32(v6)
	t2 := z2*fix0541 + z3*(fix0541-fix1847)
	t3 := z2*(fix0541+fix0765) + z3*fix0541
	t0, t1 := int32(v0+v4)<<13, int32(v0-v4)<<13
	a0, a3, a1, a2 := t0+t3, t0-t3, t1+t2, t1-t2

	z3, z4 := int32(v7+v3), int32(v5+v1)
	y3 := z3*(fix1175-fix1961) + z4*fix1175
	y4 := z3*fix1175 + z4*(fix1175-fix0390)
	o0, o1, o2, o3 := int32(v7), int32(v5), int32(v3), int32(v1)
	b0 := o0*(fix0298-fix0899) - o3*fix0899 + y3
	b1 := o1*(fix2053-fix2562) - o2*fix2562 + y4
	b2 := o2*(fix3072-fix2562) - o1*fix2562 + y3
	b3 := o3*(fix1501-fix0899) - o0*fix0899 + y4
	return a0 + b3, a1 + b2, a2 + b1, a3 + b0, a3 - b0, a2 - b1, a1 - b2, a0 - b3
}

func saturate16(v int32) int32 { return min(max(v, -32768), 32767) }

func clamp8(v int32) uint8 { return uint8(min(max(v, 0), 255)) }
