//go:build !noasm

#include "textflag.h"

DATA cWhite<>+0(SB)/4, $0x437f0000 // 255
GLOBL cWhite<>(SB), RODATA|NOPTR, $4
DATA cRed<>+0(SB)/4, $19595
GLOBL cRed<>(SB), RODATA|NOPTR, $4
DATA cGreen<>+0(SB)/4, $38470
GLOBL cGreen<>(SB), RODATA|NOPTR, $4
DATA cBlue<>+0(SB)/4, $7471
GLOBL cBlue<>(SB), RODATA|NOPTR, $4
DATA cHalf<>+0(SB)/4, $0x8000
GLOBL cHalf<>(SB), RODATA|NOPTR, $4

// Packing four vectors mixes their halves; this order of words sorts them.
DATA sorted<>+0(SB)/8, $0x0000000400000000
DATA sorted<>+8(SB)/8, $0x0000000500000001
DATA sorted<>+16(SB)/8, $0x0000000600000002
DATA sorted<>+24(SB)/8, $0x0000000700000003
GLOBL sorted<>(SB), RODATA|NOPTR, $32

// BLEND moves from the floats BASE towards the floats V by the factor Y14, held to
// 0..255 (Y13 zero, Y15 255), cut off to integers.
#define BLEND(BASE, V) \
	VSUBPS BASE, V, V \
	VMULPS Y14, V, V \
	VADDPS BASE, V, V \
	VMAXPS Y13, V, V \
	VMINPS Y15, V, V \
	VCVTTPS2DQ V, V

#define FLOATS(AT, V) \
	VPMOVZXBD AT, V \
	VCVTDQ2PS V, V

// func blendAVX2(p *byte, n int, base, factor float32)
//
// In place, n a positive multiple of 32.
TEXT ·blendAVX2(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), DI
	MOVQ n+8(FP), CX
	VBROADCASTSS base+16(FP), Y12
	VBROADCASTSS factor+20(FP), Y14
	VBROADCASTSS cWhite<>(SB), Y15
	VPXOR Y13, Y13, Y13
	VMOVDQU sorted<>(SB), Y11

loop:
	FLOATS((DI), Y0)
	FLOATS(8(DI), Y1)
	FLOATS(16(DI), Y2)
	FLOATS(24(DI), Y3)
	BLEND(Y12, Y0)
	BLEND(Y12, Y1)
	BLEND(Y12, Y2)
	BLEND(Y12, Y3)
	VPACKUSDW Y1, Y0, Y0
	VPACKUSDW Y3, Y2, Y2
	VPACKUSWB Y2, Y0, Y0
	VPERMD Y0, Y11, Y0
	VMOVDQU Y0, (DI)
	ADDQ $32, DI
	SUBQ $32, CX
	JGT loop
	VZEROUPPER
	RET

// LUMA leaves the luma of 8 pixels in L as integers. Y12 holds the rounding half;
// R, G, B are spoiled.
#define LUMA(R, G, B, L) \
	VPMULLD Y9, R, R \
	VPMULLD Y10, G, G \
	VPMULLD Y11, B, B \
	VPADDD R, G, L \
	VPADDD B, L, L \
	VPADDD Y12, L, L \
	VPSRLD $16, L, L

#define LUMACONSTANTS \
	VPBROADCASTD cRed<>(SB), Y9 \
	VPBROADCASTD cGreen<>(SB), Y10 \
	VPBROADCASTD cBlue<>(SB), Y11 \
	VPBROADCASTD cHalf<>(SB), Y12

// STORE8 writes eight integers of 0..255 as bytes.
#define STORE8(Y, X, AT) \
	VPACKUSDW Y, Y, Y \
	VPERMQ $0x08, Y, Y \
	VPACKUSWB Y, Y, Y \
	VMOVQ X, AT

// func lumaAVX2(dst, red, green, blue *byte, n int)
//
// n is a positive multiple of 8.
TEXT ·lumaAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ red+8(FP), R8
	MOVQ green+16(FP), R9
	MOVQ blue+24(FP), R10
	MOVQ n+32(FP), CX
	LUMACONSTANTS
	XORQ BX, BX

loop:
	VPMOVZXBD (R8)(BX*1), Y0
	VPMOVZXBD (R9)(BX*1), Y1
	VPMOVZXBD (R10)(BX*1), Y2
	LUMA(Y0, Y1, Y2, Y3)
	STORE8(Y3, X3, (DI)(BX*1))
	ADDQ $8, BX
	CMPQ BX, CX
	JLT loop
	VZEROUPPER
	RET

// func saturateAVX2(red, green, blue *byte, n int, factor float32)
//
// In place, n a positive multiple of 8.
TEXT ·saturateAVX2(SB), NOSPLIT, $0-36
	MOVQ red+0(FP), R8
	MOVQ green+8(FP), R9
	MOVQ blue+16(FP), R10
	MOVQ n+24(FP), CX
	VBROADCASTSS factor+32(FP), Y14
	VBROADCASTSS cWhite<>(SB), Y15
	VPXOR Y13, Y13, Y13
	LUMACONSTANTS
	XORQ BX, BX

loop:
	VPMOVZXBD (R8)(BX*1), Y0
	VPMOVZXBD (R9)(BX*1), Y1
	VPMOVZXBD (R10)(BX*1), Y2
	VCVTDQ2PS Y0, Y4
	VCVTDQ2PS Y1, Y5
	VCVTDQ2PS Y2, Y6
	LUMA(Y0, Y1, Y2, Y3)
	VCVTDQ2PS Y3, Y3
	BLEND(Y3, Y4)
	BLEND(Y3, Y5)
	BLEND(Y3, Y6)
	STORE8(Y4, X4, (R8)(BX*1))
	STORE8(Y5, X5, (R9)(BX*1))
	STORE8(Y6, X6, (R10)(BX*1))
	ADDQ $8, BX
	CMPQ BX, CX
	JLT loop
	VZEROUPPER
	RET

// Places of the bytes of 16 pixels' channel in the three parts of 16 bytes.
#define PLACES(name, low, high) \
	DATA name<>+0(SB)/8, $low \
	DATA name<>+8(SB)/8, $high \
	GLOBL name<>(SB), RODATA|NOPTR, $16

PLACES(redTo0, 0xff02ffff01ffff00, 0x05ffff04ffff03ff)
PLACES(redTo1, 0xffff07ffff06ffff, 0xff0affff09ffff08)
PLACES(redTo2, 0x0dffff0cffff0bff, 0xffff0fffff0effff)
PLACES(greenTo0, 0x02ffff01ffff00ff, 0xffff04ffff03ffff)
PLACES(greenTo1, 0xff07ffff06ffff05, 0x0affff09ffff08ff)
PLACES(greenTo2, 0xffff0cffff0bffff, 0xff0fffff0effff0d)
PLACES(blueTo0, 0xffff01ffff00ffff, 0xff04ffff03ffff02)
PLACES(blueTo1, 0x07ffff06ffff05ff, 0xffff09ffff08ffff)
PLACES(blueTo2, 0xff0cffff0bffff0a, 0x0fffff0effff0dff)

#define PART(R, G, B, AT) \
	VPSHUFB R, X0, X3 \
	VPSHUFB G, X1, X4 \
	VPSHUFB B, X2, X5 \
	VPOR X3, X4, X3 \
	VPOR X3, X5, X3 \
	VMOVDQU X3, AT

// func mergeAVX2(dst, red, green, blue *byte, n int)
//
// Joins the channels of n pixels, a positive multiple of 16.
TEXT ·mergeAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ red+8(FP), R8
	MOVQ green+16(FP), R9
	MOVQ blue+24(FP), R10
	MOVQ n+32(FP), CX
	VMOVDQU redTo0<>(SB), X6
	VMOVDQU greenTo0<>(SB), X7
	VMOVDQU blueTo0<>(SB), X8
	VMOVDQU redTo1<>(SB), X9
	VMOVDQU greenTo1<>(SB), X10
	VMOVDQU blueTo1<>(SB), X11
	VMOVDQU redTo2<>(SB), X12
	VMOVDQU greenTo2<>(SB), X13
	VMOVDQU blueTo2<>(SB), X14

loop:
	VMOVDQU (R8), X0
	VMOVDQU (R9), X1
	VMOVDQU (R10), X2
	PART(X6, X7, X8, (DI))
	PART(X9, X10, X11, 16(DI))
	PART(X12, X13, X14, 32(DI))
	ADDQ $16, R8
	ADDQ $16, R9
	ADDQ $16, R10
	ADDQ $48, DI
	SUBQ $16, CX
	JGT loop
	VZEROUPPER
	RET
