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

// SUM makes rounded pixels, not yet held to 0..255, of the sums of three digits.
#define SUM(D0, D1, D2) \
	VPSLLD $8, D2, D2 \
	VPADDD D1, D2, D2 \
	VPSLLD $8, D2, D2 \
	VPADDD D0, D2, D2 \
	VPSRAD $22, D2, D2

// Packing two rows mixes their fours of bytes; this order of words parts them.
DATA rows512<>+0(SB)/8, $0x0000000400000000
DATA rows512<>+8(SB)/8, $0x0000000c00000008
DATA rows512<>+16(SB)/8, $0x0000000500000001
DATA rows512<>+24(SB)/8, $0x0000000d00000009
GLOBL rows512<>(SB), RODATA|NOPTR, $32

// SETUP loads the arguments of the horizontal kernels and two constants.
#define SETUP \
	MOVQ dst0+0(FP), DI \
	MOVQ dst1+8(FP), DX \
	MOVQ src0+16(FP), SI \
	MOVQ src1+24(FP), R9 \
	MOVQ bases+32(FP), R8 \
	MOVQ order+40(FP), BX \
	MOVQ digits+48(FP), R13 \
	MOVQ quads+56(FP), R14 \
	MOVQ vectors+64(FP), CX \
	VMOVDQU rows512<>(SB), Y15 \
	VPBROADCASTD half512<>(SB), Z14

// BEGIN finds the next vector's place and order and clears its sums.
#define BEGIN \
	MOVLQSX (R8), AX \
	ADDQ $4, R8 \
	LEAQ (SI)(AX*1), R10 \
	LEAQ (R9)(AX*1), R11 \
	VMOVDQU64 (BX), Z10 \
	ADDQ $64, BX \
	VMOVDQA64 Z14, Z0 \
	VPXORQ Z1, Z1, Z1 \
	VPXORQ Z2, Z2, Z2 \
	VMOVDQA64 Z14, Z3 \
	VPXORQ Z4, Z4, Z4 \
	VPXORQ Z5, Z5, Z5 \
	MOVQ R14, R12

// QUAD adds four taps of both rows, in order in Z6 and Z7, and goes on to the next.
#define QUAD \
	VMOVDQU64 (R13), Z11 \
	VMOVDQU64 64(R13), Z12 \
	VMOVDQU64 128(R13), Z13 \
	VPDPBUSD Z11, Z6, Z0 \
	VPDPBUSD Z12, Z6, Z1 \
	VPDPBUSD Z13, Z6, Z2 \
	VPDPBUSD Z11, Z7, Z3 \
	VPDPBUSD Z12, Z7, Z4 \
	VPDPBUSD Z13, Z7, Z5 \
	ADDQ $192, R13 \
	ADDQ $12, R10 \
	ADDQ $12, R11

// END stores the vector's pixels.
#define END \
	SUM(Z0, Z1, Z2) \
	SUM(Z3, Z4, Z5) \
	VPACKSSDW Z5, Z2, Z2 \
	VPACKUSWB Z2, Z2, Z2 \
	VPERMD Z2, Z15, Z2 \
	VMOVDQU X2, (DI) \
	VEXTRACTI128 $1, Y2, (DX) \
	ADDQ $16, DI \
	ADDQ $16, DX

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

// func horizontalAVX512(dst0, dst1, src0, src1 *byte, bases *int32, order, digits *uint32, quads, vectors int)
//
// Vectors of 16 bytes of two rows. A coefficient is three signed 8-bit digits to
// base 256, which VPDPBUSD multiplies with four taps of 16 bytes at once. Vector i
// takes its taps from 64 bytes at bases[i], four by the byte order at order[16*i]
// and as many more from every 12 bytes on. digits holds, for each vector and four
// taps, 64 bytes of each digit, the lowest first.
TEXT ·horizontalAVX512(SB), NOSPLIT, $0-72
	SETUP

vector:
	BEGIN

quad:
	VPERMB (R10), Z10, Z6
	VPERMB (R11), Z10, Z7
	QUAD
	DECQ R12
	JNZ quad
	END
	DECQ CX
	JNZ vector
	VZEROUPPER
	RET

// func horizontalFarAVX512(dst0, dst1, src0, src1 *byte, bases *int32, order, digits *uint32, quads, vectors int)
//
// The same with taps from 128 bytes.
TEXT ·horizontalFarAVX512(SB), NOSPLIT, $0-72
	SETUP

vector:
	BEGIN

quad:
	VMOVDQU64 (R10), Z6
	VMOVDQU64 (R11), Z7
	VPERMT2B 64(R10), Z10, Z6
	VPERMT2B 64(R11), Z10, Z7
	QUAD
	DECQ R12
	JNZ quad
	END
	DECQ CX
	JNZ vector
	VZEROUPPER
	RET
