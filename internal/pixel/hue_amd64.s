//go:build !noasm

#include "textflag.h"

// What Pillow computes in 32-bit floats is 32-bit here, what it computes in 64
// bits is 64-bit, so roundings agree.

#define DOUBLE(name, bits) \
	DATA name<>+0(SB)/8, $bits \
	GLOBL name<>(SB), RODATA|NOPTR, $8
#define WORD(name, bits) \
	DATA name<>+0(SB)/4, $bits \
	GLOBL name<>(SB), RODATA|NOPTR, $4

DOUBLE(hOne, 0x3ff0000000000000)
DOUBLE(hHalf, 0x3fe0000000000000)
DOUBLE(hSix, 0x4018000000000000)
DOUBLE(hWhite, 0x406fe00000000000)
WORD(hWhiteFloat, 0x437f0000)
WORD(hWhiteInt, 255)
WORD(hFive, 5)
WORD(hOneInt, 1)

// The hue in sixths of the circle is a constant plus or minus x, the part by which
// the middle channel is below the highest. Entry 2*i holds for channel i (red,
// green, blue) highest, 2*i+1 where besides the first of the other two is not
// above the second.
DATA hBase<>+0(SB)/8, $0xbf8000003f800000  // 1, -1
DATA hBase<>+8(SB)/8, $0x404000003f800000  // 1, 3
DATA hBase<>+16(SB)/8, $0x4040000040a00000 // 5, 3
DATA hBase<>+24(SB)/8, $0
GLOBL hBase<>(SB), RODATA|NOPTR, $32
DATA hSign<>+0(SB)/8, $0x0000000080000000  // -, +
DATA hSign<>+8(SB)/8, $0x8000000000000000  // +, -
DATA hSign<>+16(SB)/8, $0x0000000080000000 // -, +
DATA hSign<>+24(SB)/8, $0
GLOBL hSign<>(SB), RODATA|NOPTR, $32

// Which of value, p, q, t (bytes 0 to 3) are red, green and blue in each sixth.
DATA hOrder<>+0(SB)/8, $0x8001000280010300
DATA hOrder<>+8(SB)/8, $0x8000020180030001
DATA hOrder<>+16(SB)/8, $0x8002010080000103
DATA hOrder<>+24(SB)/8, $0x8001030080010300
GLOBL hOrder<>(SB), RODATA|NOPTR, $32
DATA hLanes<>+0(SB)/8, $0x0404040400000000
DATA hLanes<>+8(SB)/8, $0x0c0c0c0c08080808
GLOBL hLanes<>(SB), RODATA|NOPTR, $16

// WIDEN makes the 8 floats of Y into 64-bit ones.
#define WIDEN(Y, X, LOW, HIGH, XHIGH) \
	VEXTRACTF128 $1, Y, XHIGH \
	VCVTPS2PD X, LOW \
	VCVTPS2PD XHIGH, HIGH

// WHOLE cuts 64-bit floats off to the integers Y.
#define WHOLE(LOW, HIGH, X, XHIGH, Y) \
	VCVTTPD2DQY LOW, X \
	VCVTTPD2DQY HIGH, XHIGH \
	VINSERTI128 $1, XHIGH, Y, Y

// FADE makes value*(1 - amount), rounded, of amounts. Y14 is one, Y13 a half, Y4
// and Y5 the value.
#define FADE(LOW, HIGH, X, XHIGH, Y) \
	VSUBPD LOW, Y14, LOW \
	VSUBPD HIGH, Y14, HIGH \
	VMULPD Y4, LOW, LOW \
	VMULPD Y5, HIGH, HIGH \
	VADDPD Y13, LOW, LOW \
	VADDPD Y13, HIGH, HIGH \
	WHOLE(LOW, HIGH, X, XHIGH, Y)

// STORE8 writes eight integers of 0..255 as bytes.
#define STORE8(Y, X, AT) \
	VPACKUSDW Y, Y, Y \
	VPERMQ $0x08, Y, Y \
	VPACKUSWB Y, Y, Y \
	VMOVQ X, AT

// func hueAVX2(red, green, blue *byte, n int, shift uint32)
//
// In place, n a positive multiple of 8.
TEXT ·hueAVX2(SB), NOSPLIT, $0-36
	MOVQ red+0(FP), R8
	MOVQ green+8(FP), R9
	MOVQ blue+16(FP), R10
	MOVQ n+24(FP), CX
	VBROADCASTSD hOne<>(SB), Y14
	MOVL shift+32(FP), AX
	VMOVD AX, X15
	VPBROADCASTD X15, Y15
	XORQ BX, BX

loop:
	VPMOVZXBD (R8)(BX*1), Y0
	VPMOVZXBD (R9)(BX*1), Y1
	VPMOVZXBD (R10)(BX*1), Y2
	VPMAXSD Y0, Y1, Y3
	VPMAXSD Y2, Y3, Y3 // value
	VPMINSD Y0, Y1, Y4
	VPMINSD Y2, Y4, Y4
	VPADDD Y0, Y1, Y5
	VPADDD Y2, Y5, Y5
	VPSUBD Y4, Y5, Y6
	VPADDD Y3, Y3, Y5
	VPSUBD Y6, Y5, Y6 // value - middle
	VPSUBD Y4, Y3, Y7 // spread

	// Entry of the tables.
	VPCMPEQD Y0, Y3, Y8
	VPCMPEQD Y1, Y3, Y9
	VPCMPGTD Y1, Y0, Y10
	VPCMPGTD Y2, Y0, Y11
	VPCMPGTD Y2, Y1, Y12
	VPBLENDVB Y9, Y11, Y10, Y10
	VPBLENDVB Y8, Y12, Y10, Y10
	VPANDN Y9, Y8, Y12
	VPADDD Y12, Y12, Y12
	VPSLLD $2, Y8, Y8
	VPADDD Y12, Y8, Y8
	VPADDD Y10, Y8, Y8
	VPBROADCASTD hFive<>(SB), Y10
	VPADDD Y10, Y8, Y8

	// Hue.
	VCVTDQ2PS Y6, Y6
	VCVTDQ2PS Y7, Y9
	VDIVPS Y9, Y6, Y6
	VMOVUPS hBase<>(SB), Y10
	VMOVUPS hSign<>(SB), Y11
	VPERMPS Y10, Y8, Y10
	VPERMPS Y11, Y8, Y11
	VXORPS Y11, Y6, Y6
	VADDPS Y10, Y6, Y6
	WIDEN(Y6, X6, Y10, Y11, X11)
	VBROADCASTSD hSix<>(SB), Y12
	VDIVPD Y12, Y10, Y10
	VDIVPD Y12, Y11, Y11
	VADDPD Y14, Y10, Y10
	VADDPD Y14, Y11, Y11
	VROUNDPD $1, Y10, Y12
	VROUNDPD $1, Y11, Y13
	VSUBPD Y12, Y10, Y10
	VSUBPD Y13, Y11, Y11
	VCVTPD2PSY Y10, X10
	VCVTPD2PSY Y11, X11
	VCVTPS2PD X10, Y10
	VCVTPS2PD X11, Y11
	VBROADCASTSD hWhite<>(SB), Y13
	VMULPD Y13, Y10, Y10
	VMULPD Y13, Y11, Y11
	WHOLE(Y10, Y11, X10, X11, Y10)

	// Saturation, 0 where there is no spread.
	VCVTDQ2PS Y3, Y11
	VDIVPS Y11, Y9, Y9
	WIDEN(Y9, X9, Y11, Y12, X12)
	VMULPD Y13, Y11, Y11
	VMULPD Y13, Y12, Y12
	WHOLE(Y11, Y12, X11, X12, Y11)
	VPXOR Y12, Y12, Y12
	VPCMPEQD Y12, Y7, Y12
	VPANDN Y11, Y12, Y11

	// The shift, and back: sixth Y10, place in it Y12, saturation Y11 as floats.
	VPADDD Y15, Y10, Y10
	VPBROADCASTD hWhiteInt<>(SB), Y12
	VPAND Y12, Y10, Y10
	VPADDD Y10, Y10, Y12
	VPADDD Y10, Y12, Y12
	VPADDD Y12, Y12, Y12 // six times the hue
	VPSRLD $8, Y12, Y10
	VPADDD Y12, Y10, Y10
	VPBROADCASTD hOneInt<>(SB), Y0
	VPADDD Y0, Y10, Y10
	VPSRLD $8, Y10, Y10 // by 255
	VPSLLD $8, Y10, Y0
	VPSUBD Y0, Y12, Y12
	VPADDD Y10, Y12, Y12
	VBROADCASTSS hWhiteFloat<>(SB), Y0
	VCVTDQ2PS Y12, Y12
	VDIVPS Y0, Y12, Y12
	VCVTDQ2PS Y11, Y11
	VDIVPS Y0, Y11, Y11
	VMULPS Y12, Y11, Y0

	VBROADCASTSD hHalf<>(SB), Y13
	VEXTRACTI128 $1, Y3, X5
	VCVTDQ2PD X3, Y4
	VCVTDQ2PD X5, Y5
	WIDEN(Y0, X0, Y8, Y9, X9)     // amount for q
	WIDEN(Y11, X11, Y1, Y2, X2)   // for p
	WIDEN(Y12, X12, Y6, Y7, X7)
	VSUBPD Y6, Y14, Y6
	VSUBPD Y7, Y14, Y7
	VMULPD Y1, Y6, Y6             // for t
	VMULPD Y2, Y7, Y7
	FADE(Y1, Y2, X1, X2, Y1)
	FADE(Y8, Y9, X8, X9, Y8)
	FADE(Y6, Y7, X6, X7, Y6)
	VPSLLD $8, Y1, Y1
	VPSLLD $16, Y8, Y8
	VPSLLD $24, Y6, Y6
	VPOR Y1, Y3, Y3
	VPOR Y8, Y3, Y3
	VPOR Y6, Y3, Y3
	VMOVDQU hOrder<>(SB), Y0
	VPERMD Y0, Y10, Y0
	VBROADCASTI128 hLanes<>(SB), Y1
	VPADDD Y1, Y0, Y0
	VPSHUFB Y0, Y3, Y3

	VPBROADCASTD hWhiteInt<>(SB), Y12
	VPAND Y12, Y3, Y0
	VPSRLD $8, Y3, Y1
	VPAND Y12, Y1, Y1
	VPSRLD $16, Y3, Y2
	STORE8(Y0, X0, (R8)(BX*1))
	STORE8(Y1, X1, (R9)(BX*1))
	STORE8(Y2, X2, (R10)(BX*1))
	ADDQ $8, BX
	CMPQ BX, CX
	JLT loop
	VZEROUPPER
	RET
