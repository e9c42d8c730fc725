//go:build !noasm

#include "textflag.h"

DATA half512<>+0(SB)/4, $0x200000
GLOBL half512<>(SB), RODATA|NOPTR, $4

// MULTIPLY adds the columns of a pair of rows, interleaved as words in PAIRS, to
// the sums LOW and HIGH; Z10 and Z11 hold the halves of the two coefficients.
#define MULTIPLY(PAIRS, LOW, HIGH) \
	VPDPWSSD Z10, PAIRS, LOW \
	VPDPWSSD Z11, PAIRS, HIGH

// ROWS adds rows Z8 and Z9, 64 columns of each. Z15 is zero.
#define ROWS \
	VPBROADCASTD (R11), Z10 \
	VPBROADCASTD 4(R11), Z11 \
	ADDQ $8, R11 \
	VPUNPCKHBW Z9, Z8, Z13 \
	VPUNPCKLBW Z9, Z8, Z12 \
	VPUNPCKLBW Z15, Z12, Z8 \
	VPUNPCKHBW Z15, Z12, Z9 \
	VPUNPCKLBW Z15, Z13, Z12 \
	VPUNPCKHBW Z15, Z13, Z13 \
	MULTIPLY(Z8, Z0, Z4) \
	MULTIPLY(Z9, Z1, Z5) \
	MULTIPLY(Z12, Z2, Z6) \
	MULTIPLY(Z13, Z3, Z7)

// JOIN makes rounded pixels, not yet held to 0..255, of two sums.
#define JOIN(LOW, HIGH) \
	VPSLLD $15, HIGH, HIGH \
	VPADDD HIGH, LOW, LOW \
	VPSRAD $22, LOW, LOW

// Packing four rows mixes their fours of bytes; this order of words parts them.
DATA rows512<>+0(SB)/8, $0x0000000400000000
DATA rows512<>+8(SB)/8, $0x0000000c00000008
DATA rows512<>+16(SB)/8, $0x0000000500000001
DATA rows512<>+24(SB)/8, $0x0000000d00000009
DATA rows512<>+32(SB)/8, $0x0000000600000002
DATA rows512<>+40(SB)/8, $0x0000000e0000000a
DATA rows512<>+48(SB)/8, $0x0000000700000003
DATA rows512<>+56(SB)/8, $0x0000000f0000000b
GLOBL rows512<>(SB), RODATA|NOPTR, $64

// A half less the two digits that a sum is still to be shifted by.
DATA top512<>+0(SB)/4, $0x20
GLOBL top512<>(SB), RODATA|NOPTR, $4

// A half less the high half of a coefficient, by which a sum is still to be shifted.
DATA halfTop512<>+0(SB)/4, $0x40
GLOBL halfTop512<>(SB), RODATA|NOPTR, $4

// SETUP loads the arguments of the horizontal kernels and three constants.
#define SETUP \
	MOVQ dst+0(FP), DI \
	MOVQ dstStride+8(FP), DX \
	MOVQ src+16(FP), SI \
	MOVQ srcStride+24(FP), R9 \
	MOVQ bases+32(FP), R8 \
	MOVQ order+40(FP), BX \
	MOVQ digits+48(FP), R13 \
	MOVQ quads+56(FP), R14 \
	MOVQ vectors+64(FP), CX \
	LEAQ (DX)(DX*2), R12 \
	LEAQ (R9)(R9*2), R15 \
	VMOVDQU64 rows512<>(SB), Z31 \
	VPBROADCASTD half512<>(SB), Z30 \
	VPBROADCASTD top512<>(SB), Z29

// BEGIN finds the next vector's place R10 and order Z28, and has the rows after
// these four fetched.
#define BEGIN \
	MOVLQSX (R8), AX \
	ADDQ $4, R8 \
	LEAQ (SI)(AX*1), R10 \
	LEAQ (R10)(R9*4), R11 \
	VMOVDQU64 (BX), Z28 \
	ADDQ $64, BX \
	PREFETCHT0 (R11) \
	PREFETCHT0 (R11)(R9*1) \
	PREFETCHT0 (R11)(R9*2) \
	PREFETCHT0 (R11)(R15*1)

// NEAR puts four taps of four rows in order: from 64 bytes of each.
#define NEAR \
	VPERMB (R10), Z28, Z0 \
	VPERMB (R10)(R9*1), Z28, Z1 \
	VPERMB (R10)(R9*2), Z28, Z2 \
	VPERMB (R10)(R15*1), Z28, Z3

// FAR does so from 128 bytes.
#define FAR \
	VMOVDQU64 (R10), Z0 \
	VMOVDQU64 (R10)(R9*1), Z1 \
	VMOVDQU64 (R10)(R9*2), Z2 \
	VMOVDQU64 (R10)(R15*1), Z3 \
	VPERMT2B 64(R10), Z28, Z0 \
	VPERMT2B 64(R10)(R9*1), Z28, Z1 \
	VPERMT2B 64(R10)(R9*2), Z28, Z2 \
	VPERMT2B 64(R10)(R15*1), Z28, Z3

// DIGIT adds the products of the taps with the digits at OFF.
#define DIGIT(OFF, S0, S1, S2, S3) \
	VMOVDQU64 OFF(R13), Z27 \
	VPDPBUSD Z27, Z0, S0 \
	VPDPBUSD Z27, Z1, S1 \
	VPDPBUSD Z27, Z2, S2 \
	VPDPBUSD Z27, Z3, S3

#define SHIFT \
	VPSLLD $8, Z4, Z4 \
	VPSLLD $8, Z5, Z5 \
	VPSLLD $8, Z6, Z6 \
	VPSLLD $8, Z7, Z7

#define ADD(S0, S1, S2, S3) \
	VPADDD S0, Z4, Z4 \
	VPADDD S1, Z5, Z5 \
	VPADDD S2, Z6, Z6 \
	VPADDD S3, Z7, Z7

// CLEAR begins the sums of the three digits of four rows.
#define CLEAR \
	VMOVDQA64 Z30, Z12 \
	VMOVDQA64 Z30, Z13 \
	VMOVDQA64 Z30, Z14 \
	VMOVDQA64 Z30, Z15 \
	VPXORQ Z8, Z8, Z8 \
	VPXORQ Z9, Z9, Z9 \
	VPXORQ Z10, Z10, Z10 \
	VPXORQ Z11, Z11, Z11 \
	VPXORQ Z4, Z4, Z4 \
	VPXORQ Z5, Z5, Z5 \
	VPXORQ Z6, Z6, Z6 \
	VPXORQ Z7, Z7, Z7 \
	MOVQ R14, AX

// QUAD adds four taps, in order in Z0 to Z3, and goes on to the next.
#define QUAD \
	DIGIT(0, Z12, Z13, Z14, Z15) \
	DIGIT(64, Z8, Z9, Z10, Z11) \
	DIGIT(128, Z4, Z5, Z6, Z7) \
	ADDQ $192, R13 \
	ADDQ $12, R10

// JOINED joins the sums of digits.
#define JOINED \
	SHIFT \
	ADD(Z8, Z9, Z10, Z11) \
	SHIFT \
	ADD(Z12, Z13, Z14, Z15)

// END stores the vector's pixels, of which Z4 to Z7 hold the sums.
#define END \
	VPSRAD $22, Z4, Z4 \
	VPSRAD $22, Z5, Z5 \
	VPSRAD $22, Z6, Z6 \
	VPSRAD $22, Z7, Z7 \
	VPACKSSDW Z5, Z4, Z4 \
	VPACKSSDW Z7, Z6, Z6 \
	VPACKUSWB Z6, Z4, Z4 \
	VPERMD Z4, Z31, Z4 \
	VMOVDQU X4, (DI) \
	VEXTRACTI32X4 $1, Z4, (DI)(DX*1) \
	VEXTRACTI32X4 $2, Z4, (DI)(DX*2) \
	VEXTRACTI32X4 $3, Z4, (DI)(R12*1) \
	ADDQ $16, DI

// func verticalAVX512(dst, src *byte, stride int, halves *uint32, taps, n int)
//
// As verticalAVX2, for n >= 64.
TEXT ·verticalAVX512(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), DX
	MOVQ halves+24(FP), R8
	MOVQ taps+32(FP), R9
	MOVQ n+40(FP), CX
	VPXORQ Z15, Z15, Z15
	VPBROADCASTD half512<>(SB), Z14
	LEAQ -64(CX), R13
	XORQ BX, BX

columns:
	CMPQ BX, R13
	CMOVQGT R13, BX // the last columns once more where fewer than 64 are left
	LEAQ (SI)(BX*1), R10
	MOVQ R8, R11
	MOVQ R9, R12
	VMOVDQA64 Z14, Z0
	VMOVDQA64 Z14, Z1
	VMOVDQA64 Z14, Z2
	VMOVDQA64 Z14, Z3
	VPXORQ Z4, Z4, Z4
	VPXORQ Z5, Z5, Z5
	VPXORQ Z6, Z6, Z6
	VPXORQ Z7, Z7, Z7
	SUBQ $2, R12
	JLT last

pair:
	VMOVDQU64 (R10), Z8
	VMOVDQU64 (R10)(DX*1), Z9
	LEAQ (R10)(DX*2), R10
	ROWS
	SUBQ $2, R12
	JGE pair

last:
	CMPQ R12, $-1
	JNE store
	VMOVDQU64 (R10), Z8
	VPXORQ Z9, Z9, Z9
	ROWS

store:
	JOIN(Z0, Z4)
	JOIN(Z1, Z5)
	JOIN(Z2, Z6)
	JOIN(Z3, Z7)
	VPACKSSDW Z1, Z0, Z0
	VPACKSSDW Z3, Z2, Z2
	VPACKUSWB Z2, Z0, Z0
	VMOVDQU64 Z0, (DI)(BX*1)
	ADDQ $64, BX
	CMPQ BX, CX
	JLT columns
	VZEROUPPER
	RET

// COLUMNS begins the next 64 columns, the last ones once more where fewer are left.
#define COLUMNS \
	CMPQ BX, R13 \
	CMOVQGT R13, BX \
	LEAQ (SI)(BX*1), R10

// PACK stores 64 pixels of the sums in Z4 to Z7.
#define PACK \
	VPSRAD $22, Z4, Z4 \
	VPSRAD $22, Z5, Z5 \
	VPSRAD $22, Z6, Z6 \
	VPSRAD $22, Z7, Z7 \
	VPACKSSDW Z5, Z4, Z4 \
	VPACKSSDW Z7, Z6, Z6 \
	VPACKUSWB Z6, Z4, Z4 \
	VMOVDQU64 Z4, (DI)(BX*1) \
	ADDQ $64, BX

// func verticalTwoAVX512(dst, src *byte, stride int, halves *uint32, n int)
//
// One row of n >= 64 columns from two rows, stride bytes apart: the high halves,
// shifted, then the low ones.
TEXT ·verticalTwoAVX512(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), DX
	MOVQ halves+24(FP), R8
	MOVQ n+32(FP), CX
	VPXORQ Z15, Z15, Z15
	VPBROADCASTD halfTop512<>(SB), Z14
	VPBROADCASTD (R8), Z10
	VPBROADCASTD 4(R8), Z11
	LEAQ -64(CX), R13
	XORQ BX, BX

columns:
	COLUMNS
	VMOVDQU64 (R10), Z8
	VMOVDQU64 (R10)(DX*1), Z9
	VPUNPCKHBW Z9, Z8, Z13
	VPUNPCKLBW Z9, Z8, Z12
	VPUNPCKLBW Z15, Z12, Z0
	VPUNPCKHBW Z15, Z12, Z1
	VPUNPCKLBW Z15, Z13, Z2
	VPUNPCKHBW Z15, Z13, Z3
	VMOVDQA64 Z14, Z4
	VMOVDQA64 Z14, Z5
	VMOVDQA64 Z14, Z6
	VMOVDQA64 Z14, Z7
	VPDPWSSD Z11, Z0, Z4
	VPDPWSSD Z11, Z1, Z5
	VPDPWSSD Z11, Z2, Z6
	VPDPWSSD Z11, Z3, Z7
	VPSLLD $15, Z4, Z4
	VPSLLD $15, Z5, Z5
	VPSLLD $15, Z6, Z6
	VPSLLD $15, Z7, Z7
	VPDPWSSD Z10, Z0, Z4
	VPDPWSSD Z10, Z1, Z5
	VPDPWSSD Z10, Z2, Z6
	VPDPWSSD Z10, Z3, Z7
	PACK
	CMPQ BX, CX
	JLT columns
	VZEROUPPER
	RET

// DIGITS adds the products of four rows, their bytes in turn in Z0 to Z3, with a
// digit of each of the four coefficients.
#define DIGITS(COEF) \
	VPDPBUSD COEF, Z0, Z4 \
	VPDPBUSD COEF, Z1, Z5 \
	VPDPBUSD COEF, Z2, Z6 \
	VPDPBUSD COEF, Z3, Z7

// func verticalFourAVX512(dst, src *byte, stride int, digits *uint32, fourth, n int)
//
// One row of n >= 64 columns from four rows, stride bytes apart, the last of them
// fourth bytes behind the first. digits holds those of the four coefficients, the
// lowest first.
TEXT ·verticalFourAVX512(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), DX
	MOVQ digits+24(FP), R8
	MOVQ fourth+32(FP), R9
	MOVQ n+40(FP), CX
	VPBROADCASTD top512<>(SB), Z14
	VPBROADCASTD (R8), Z10
	VPBROADCASTD 4(R8), Z11
	VPBROADCASTD 8(R8), Z12
	LEAQ -64(CX), R13
	XORQ BX, BX

columns:
	COLUMNS
	VMOVDQU64 (R10), Z8
	VMOVDQU64 (R10)(DX*2), Z9
	VMOVDQU64 (R10)(DX*1), Z13
	VMOVDQU64 (R10)(R9*1), Z15
	VPUNPCKLBW Z13, Z8, Z0
	VPUNPCKHBW Z13, Z8, Z2
	VPUNPCKLBW Z15, Z9, Z1
	VPUNPCKHBW Z15, Z9, Z3
	VPUNPCKLWD Z1, Z0, Z8
	VPUNPCKHWD Z1, Z0, Z1
	VPUNPCKHWD Z3, Z2, Z9
	VPUNPCKLWD Z3, Z2, Z2
	VMOVDQA64 Z8, Z0
	VMOVDQA64 Z9, Z3
	VMOVDQA64 Z14, Z4
	VMOVDQA64 Z14, Z5
	VMOVDQA64 Z14, Z6
	VMOVDQA64 Z14, Z7
	DIGITS(Z12)
	SHIFT
	DIGITS(Z11)
	SHIFT
	DIGITS(Z10)
	PACK
	CMPQ BX, CX
	JLT columns
	VZEROUPPER
	RET

// func horizontalAVX512(dst *byte, dstStride int, src *byte, srcStride int, bases *int32, order, digits *uint32, quads, vectors int)
//
// Vectors of 16 bytes of four rows. A coefficient is three signed 8-bit digits to
// base 256, which VPDPBUSD multiplies with four taps of 16 bytes at once. Vector i
// takes its taps from 64 bytes at bases[i], four by the byte order at order[16*i]
// and as many more from every 12 bytes on. digits holds, for each vector and four
// taps, 64 bytes of each digit, the lowest first.
TEXT ·horizontalAVX512(SB), NOSPLIT, $0-72
	SETUP
	CMPQ R14, $1
	JNE vector

	// Four taps at most: one sum, shifted between the digits.
single:
	BEGIN
	NEAR
	VMOVDQA64 Z29, Z4
	VMOVDQA64 Z29, Z5
	VMOVDQA64 Z29, Z6
	VMOVDQA64 Z29, Z7
	DIGIT(128, Z4, Z5, Z6, Z7)
	SHIFT
	DIGIT(64, Z4, Z5, Z6, Z7)
	SHIFT
	DIGIT(0, Z4, Z5, Z6, Z7)
	ADDQ $192, R13
	END
	DECQ CX
	JNZ single
	VZEROUPPER
	RET

vector:
	BEGIN
	CLEAR

quad:
	NEAR
	QUAD
	DECQ AX
	JNZ quad
	JOINED
	END
	DECQ CX
	JNZ vector
	VZEROUPPER
	RET

// func horizontalFarAVX512(dst *byte, dstStride int, src *byte, srcStride int, bases *int32, order, digits *uint32, quads, vectors int)
//
// The same with taps from 128 bytes.
TEXT ·horizontalFarAVX512(SB), NOSPLIT, $0-72
	SETUP

vector:
	BEGIN
	CLEAR

quad:
	FAR
	QUAD
	DECQ AX
	JNZ quad
	JOINED
	END
	DECQ CX
	JNZ vector
	VZEROUPPER
	RET
