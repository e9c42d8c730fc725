//go:build !noasm

#include "textflag.h"

DATA kWhite<>+0(SB)/4, $0x437f0000 // 255
GLOBL kWhite<>(SB), RODATA|NOPTR, $4
DATA kByWhite<>+0(SB)/4, $0x3b808081 // 1/255, rounded
GLOBL kByWhite<>(SB), RODATA|NOPTR, $4
DATA kOne<>+0(SB)/4, $1
GLOBL kOne<>(SB), RODATA|NOPTR, $4
DATA kRound<>+0(SB)/4, $0x7fff
GLOBL kRound<>(SB), RODATA|NOPTR, $4

// VALUE turns 8 bytes at AT(SI) into floats in Y: (x/255 - mean) / std, with means
// at K(R8), std at K+96, 1/std at K+192. A quotient a/b is q = a * (1/b), corrected
// by (a - q*b) * (1/b); NewWriter checks that this rounds as a division does.
#define VALUE(AT, K, X, Y) \
	VPMOVZXBD AT(SI), X \
	VCVTDQ2PS X, X \
	VMULPS Y14, X, Y \
	VFNMADD231PS Y15, Y, X \
	VFMADD231PS Y14, X, Y \
	VSUBPS K(R8), Y, X \
	VMULPS K+192(R8), X, Y \
	VFNMADD231PS K+96(R8), Y, X \
	VFMADD231PS K+192(R8), X, Y

#define START \
	MOVQ dst+0(FP), DI \
	MOVQ src+8(FP), SI \
	MOVQ n+16(FP), CX \
	MOVQ scale+24(FP), R8 \
	VBROADCASTSS kWhite<>(SB), Y15 \
	VBROADCASTSS kByWhite<>(SB), Y14

// func float32AVX2(dst, src *byte, n int, scale *scale)
//
// n is a positive multiple of 24, the length of scale's pattern.
TEXT ·float32AVX2(SB), NOSPLIT, $0-32
	START

loop:
	VALUE(0, 0, Y0, Y1)
	VALUE(8, 32, Y2, Y3)
	VALUE(16, 64, Y4, Y5)
	VMOVUPS Y1, (DI)
	VMOVUPS Y3, 32(DI)
	VMOVUPS Y5, 64(DI)
	ADDQ $24, SI
	ADDQ $96, DI
	SUBQ $24, CX
	JGT loop
	VZEROUPPER
	RET

// func float16AVX2(dst, src *byte, n int, scale *scale)
TEXT ·float16AVX2(SB), NOSPLIT, $0-32
	START

loop:
	VALUE(0, 0, Y0, Y1)
	VALUE(8, 32, Y2, Y3)
	VALUE(16, 64, Y4, Y5)
	VCVTPS2PH $0, Y1, (DI)
	VCVTPS2PH $0, Y3, 16(DI)
	VCVTPS2PH $0, Y5, 32(DI)
	ADDQ $24, SI
	ADDQ $48, DI
	SUBQ $24, CX
	JGT loop
	VZEROUPPER
	RET

// BRAIN rounds the floats Y to bfloat16, halves to even, and stores them.
#define BRAIN(Y, X, T, AT) \
	VPSRLD $16, Y, T \
	VPAND Y13, T, T \
	VPADDD Y12, T, T \
	VPADDD T, Y, Y \
	VPSRLD $16, Y, Y \
	VPACKUSDW Y, Y, Y \
	VPERMQ $0x08, Y, Y \
	VMOVDQU X, AT(DI)

// func bfloat16AVX2(dst, src *byte, n int, scale *scale)
TEXT ·bfloat16AVX2(SB), NOSPLIT, $0-32
	START
	VPBROADCASTD kOne<>(SB), Y13
	VPBROADCASTD kRound<>(SB), Y12

loop:
	VALUE(0, 0, Y0, Y1)
	VALUE(8, 32, Y2, Y3)
	VALUE(16, 64, Y4, Y5)
	BRAIN(Y1, X1, Y0, 0)
	BRAIN(Y3, X3, Y2, 16)
	BRAIN(Y5, X5, Y4, 32)
	ADDQ $24, SI
	ADDQ $48, DI
	SUBQ $24, CX
	JGT loop
	VZEROUPPER
	RET

// Places, within the three 16-byte parts of 16 pixels, of a channel's bytes.
#define PLACES(name, low, high) \
	DATA name<>+0(SB)/8, $low \
	DATA name<>+8(SB)/8, $high \
	GLOBL name<>(SB), RODATA|NOPTR, $16

PLACES(red0, 0xffff0f0c09060300, 0xffffffffffffffff)
PLACES(red1, 0x0502ffffffffffff, 0xffffffffff0e0b08)
PLACES(red2, 0xffffffffffffffff, 0x0d0a070401ffffff)
PLACES(green0, 0xffffff0d0a070401, 0xffffffffffffffff)
PLACES(green1, 0x060300ffffffffff, 0xffffffffff0f0c09)
PLACES(green2, 0xffffffffffffffff, 0x0e0b080502ffffff)
PLACES(blue0, 0xffffff0e0b080502, 0xffffffffffffffff)
PLACES(blue1, 0x070401ffffffffff, 0xffffffffffff0d0a)
PLACES(blue2, 0xffffffffffffffff, 0x0f0c09060300ffff)

#define CHANNEL(P0, P1, P2, DST) \
	VPSHUFB P0, X0, X3 \
	VPSHUFB P1, X1, X4 \
	VPSHUFB P2, X2, X5 \
	VPOR X3, X4, X3 \
	VPOR X3, X5, X3 \
	VMOVDQU X3, (DST)

// func planesAVX2(red, green, blue, src *byte, n int)
//
// Parts n pixels, a positive multiple of 16, into their channels.
TEXT ·planesAVX2(SB), NOSPLIT, $0-40
	MOVQ red+0(FP), R8
	MOVQ green+8(FP), R9
	MOVQ blue+16(FP), R10
	MOVQ src+24(FP), SI
	MOVQ n+32(FP), CX
	VMOVDQU red0<>(SB), X6
	VMOVDQU red1<>(SB), X7
	VMOVDQU red2<>(SB), X8
	VMOVDQU green0<>(SB), X9
	VMOVDQU green1<>(SB), X10
	VMOVDQU green2<>(SB), X11
	VMOVDQU blue0<>(SB), X12
	VMOVDQU blue1<>(SB), X13
	VMOVDQU blue2<>(SB), X14

loop:
	VMOVDQU (SI), X0
	VMOVDQU 16(SI), X1
	VMOVDQU 32(SI), X2
	CHANNEL(X6, X7, X8, R8)
	CHANNEL(X9, X10, X11, R9)
	CHANNEL(X12, X13, X14, R10)
	ADDQ $48, SI
	ADDQ $16, R8
	ADDQ $16, R9
	ADDQ $16, R10
	SUBQ $16, CX
	JGT loop
	VZEROUPPER
	RET
