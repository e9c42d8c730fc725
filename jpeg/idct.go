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
	var w [64]int16
	for i := range w {
		w[i] = coef[i] * int16(quant[i])
	}
	if noRowsBelow(coef) {
		for x := range 8 {
			w[x] = w[x] << 2 >> 2
		}
	}
	for x := range 8 {
		var v [8]int16
		for y := range v {
			v[y] = w[8*y+x]
		}
		for y, t := range idct8(&v) {
			w[8*y+x] = saturate16((t + 1<<10) >> 11)
		}
	}
	for y := range 8 {
		row := out[y*stride:][:8]
		for x, t := range idct8((*[8]int16)(w[8*y:])) {
			row[x] = clamp8((t+1<<17)>>18 + 128)
		}
	}
}

// noRowsBelow tells whether only the first row of coefficients is in use.
// libjpeg-turbo's vector code then takes a short cut that wraps where the full
// way saturates.
func noRowsBelow(coef *[64]int16) bool {
	var any int16
	for _, v := range coef[8:] {
		any |= v
	}
	return any == 0
}

// idct8 is the one-dimensional transform, scaled up by 2^13 * sqrt(8).
func idct8(v *[8]int16) [8]int32 {
	z2, z3 := int32(v[2]), int32(v[6])
	t2 := z2*fix0541 + z3*(fix0541-fix1847)
	t3 := z2*(fix0541+fix0765) + z3*fix0541
	t0 := int32(v[0]+v[4]) << 13
	t1 := int32(v[0]-v[4]) << 13
	a0, a3, a1, a2 := t0+t3, t0-t3, t1+t2, t1-t2

	z3, z4 := int32(v[7]+v[3]), int32(v[5]+v[1])
	y3 := z3*(fix1175-fix1961) + z4*fix1175
	y4 := z3*fix1175 + z4*(fix1175-fix0390)
	o0, o1, o2, o3 := int32(v[7]), int32(v[5]), int32(v[3]), int32(v[1])
	b0 := o0*(fix0298-fix0899) - o3*fix0899 + y3
	b1 := o1*(fix2053-fix2562) - o2*fix2562 + y4
	b2 := o2*(fix3072-fix2562) - o1*fix2562 + y3
	b3 := o3*(fix1501-fix0899) - o0*fix0899 + y4
	return [8]int32{a0 + b3, a1 + b2, a2 + b1, a3 + b0, a3 - b0, a2 - b1, a1 - b2, a0 - b3}
}

func saturate16(v int32) int16 { return int16(min(max(v, -32768), 32767)) }

func clamp8(v int32) uint8 { return uint8(min(max(v, 0), 255)) }
