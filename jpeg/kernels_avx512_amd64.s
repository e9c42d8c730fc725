//go:build !noasm

#include "textflag.h"

// Vectors of AVX-512 hold four blocks, one in each 128-bit lane: register i of
// v0..v7 has row (or, after transposition, column) i of all four.
//
// Operands run from source to destination, so that the first source of Intel's
// manual stands next to the destination.

// Pairs of 16-bit factors for VPMADDWD and VPDPWSSD, low half first.
#define PAIR(name, lo, hi) \
	DATA name<>+0(SB)/4, $((((hi)&0xffff)<<16)|((lo)&0xffff)) \
	GLOBL name<>(SB), RODATA|NOPTR, $4

PAIR(kT3, 4433+6270, 4433)
PAIR(kT2, 4433, 4433-15137)
PAIR(kT0, 8192, 0)
PAIR(kT1, 0, 8192)
PAIR(kZ3, 9633-16069, 9633)
PAIR(kZ4, 9633, 9633-3196)
PAIR(kO0, 2446-7373, -7373)
PAIR(kO3, -7373, 12299-7373)
PAIR(kO1, 16819-20995, -20995)
PAIR(kO2, -20995, 25172-20995)

DATA kRound1<>+0(SB)/4, $1024
GLOBL kRound1<>(SB), RODATA|NOPTR, $4
DATA kRound2<>+0(SB)/4, $131072
GLOBL kRound2<>(SB), RODATA|NOPTR, $4
DATA k128<>+0(SB)/4, $0x80808080
GLOBL k128<>(SB), RODATA|NOPTR, $4

// Order of quadwords that gathers the even rows of four blocks, then the odd.
DATA evenOdd<>+0(SB)/8, $0
DATA evenOdd<>+8(SB)/8, $2
DATA evenOdd<>+16(SB)/8, $4
DATA evenOdd<>+24(SB)/8, $6
DATA evenOdd<>+32(SB)/8, $1
DATA evenOdd<>+40(SB)/8, $3
DATA evenOdd<>+48(SB)/8, $5
DATA evenOdd<>+56(SB)/8, $7
GLOBL evenOdd<>(SB), RODATA|NOPTR, $64

// HALF transforms the lower or upper four columns of each lane (UNPACK chooses)
// of v0..v7 in Z0..Z7, where Z0 and Z4 hold v0+v4 and v0-v4, Z30 and Z31 hold
// v7+v3 and v5+v1, and Z29 the rounding term. Clobbers Z24..Z28.
#define HALF(UNPACK, SHIFT, R0, R1, R2, R3, R4, R5, R6, R7) \
	UNPACK      Z6, Z2, Z24               \
	VPBROADCASTD kT3<>(SB), Z27           \
	VPBROADCASTD kT2<>(SB), Z28           \
	VPMADDWD    Z27, Z24, R0              \
	VPMADDWD    Z28, Z24, R1              \
	UNPACK      Z4, Z0, Z24               \
	VMOVDQA64   Z29, Z25                  \
	VMOVDQA64   Z29, Z26                  \
	VPDPWSSD.BCST kT0<>(SB), Z24, Z25     \
	VPDPWSSD.BCST kT1<>(SB), Z24, Z26     \
	VPSUBD      R0, Z25, R3               \
	VPADDD      R0, Z25, R0               \
	VPSUBD      R1, Z26, R2               \
	VPADDD      R1, Z26, R1               \
	UNPACK      Z31, Z30, Z24             \
	VPBROADCASTD kZ3<>(SB), Z27           \
	VPBROADCASTD kZ4<>(SB), Z28           \
	VPMADDWD    Z27, Z24, Z25             \
	VPMADDWD    Z28, Z24, Z26             \
	UNPACK      Z1, Z7, Z24               \
	VMOVDQA64   Z25, Z27                  \
	VMOVDQA64   Z26, Z28                  \
	VPDPWSSD.BCST kO0<>(SB), Z24, Z27     \
	VPDPWSSD.BCST kO3<>(SB), Z24, Z28     \
	UNPACK      Z3, Z5, Z24               \
	VPDPWSSD.BCST kO1<>(SB), Z24, Z26     \
	VPDPWSSD.BCST kO2<>(SB), Z24, Z25     \
	VPSUBD      Z28, R0, R7               \
	VPADDD      Z28, R0, R0               \
	VPSUBD      Z25, R1, R6               \
	VPADDD      Z25, R1, R1               \
	VPSUBD      Z26, R2, R5               \
	VPADDD      Z26, R2, R2               \
	VPSUBD      Z27, R3, R4               \
	VPADDD      Z27, R3, R3               \
	VPSRAD      $SHIFT, R0, R0            \
	VPSRAD      $SHIFT, R1, R1            \
	VPSRAD      $SHIFT, R2, R2            \
	VPSRAD      $SHIFT, R3, R3            \
	VPSRAD      $SHIFT, R4, R4            \
	VPSRAD      $SHIFT, R5, R5            \
	VPSRAD      $SHIFT, R6, R6            \
	VPSRAD      $SHIFT, R7, R7

// PASS transforms Z0..Z7 in place, eight columns of each lane.
#define PASS(ROUND, SHIFT) \
	VPBROADCASTD ROUND<>(SB), Z29         \
	VPADDW      Z4, Z0, Z8                \
	VPSUBW      Z4, Z0, Z4                \
	VMOVDQA64   Z8, Z0                    \
	VPADDW      Z3, Z7, Z30               \
	VPADDW      Z1, Z5, Z31               \
	HALF(VPUNPCKLWD, SHIFT, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)     \
	HALF(VPUNPCKHWD, SHIFT, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23)   \
	VPACKSSDW   Z16, Z8, Z0               \
	VPACKSSDW   Z17, Z9, Z1               \
	VPACKSSDW   Z18, Z10, Z2              \
	VPACKSSDW   Z19, Z11, Z3              \
	VPACKSSDW   Z20, Z12, Z4              \
	VPACKSSDW   Z21, Z13, Z5              \
	VPACKSSDW   Z22, Z14, Z6              \
	VPACKSSDW   Z23, Z15, Z7

// DEQUANT multiplies row i of the coefficients by its quantisers.
#define DEQUANT(I, V) \
	VBROADCASTI32X4 (16*I)(DX), Z16       \
	VPMULLW     Z16, V, V

// Many blocks, of colours above all, have no coefficients but in their upper left
// quarters. Pairs of factors for these, v0 and v2, v1 and v3:
PAIR(kE0, 8192, 4433+6270)
PAIR(kE1, 8192, 4433)
PAIR(kE2, 8192, -4433)
PAIR(kE3, 8192, -4433-6270)
PAIR(kB0, 9633-7373, 9633-16069)
PAIR(kB1, 9633-3196, 9633-20995)
PAIR(kB2, 9633, 25172-20995+9633-16069)
PAIR(kB3, 12299-7373+9633-3196, 9633)

// SMALL transforms four columns of each lane: A holds pairs of v0 and v2, B of v1
// and v3, Z29 the rounding term. Clobbers Z24..Z27.
#define SMALL(A, B, SHIFT, R0, R1, R2, R3, R4, R5, R6, R7) \
	VMOVDQA64   Z29, R0                   \
	VMOVDQA64   Z29, R1                   \
	VMOVDQA64   Z29, R2                   \
	VMOVDQA64   Z29, R3                   \
	VPXORQ      Z24, Z24, Z24             \
	VPXORQ      Z25, Z25, Z25             \
	VPXORQ      Z26, Z26, Z26             \
	VPXORQ      Z27, Z27, Z27             \
	VPDPWSSD.BCST kE0<>(SB), A, R0        \
	VPDPWSSD.BCST kB3<>(SB), B, Z27       \
	VPDPWSSD.BCST kE1<>(SB), A, R1        \
	VPDPWSSD.BCST kB2<>(SB), B, Z26       \
	VPDPWSSD.BCST kE2<>(SB), A, R2        \
	VPDPWSSD.BCST kB1<>(SB), B, Z25       \
	VPDPWSSD.BCST kE3<>(SB), A, R3        \
	VPDPWSSD.BCST kB0<>(SB), B, Z24       \
	VPSUBD      Z27, R0, R7               \
	VPADDD      Z27, R0, R0               \
	VPSUBD      Z26, R1, R6               \
	VPADDD      Z26, R1, R1               \
	VPSUBD      Z25, R2, R5               \
	VPADDD      Z25, R2, R2               \
	VPSUBD      Z24, R3, R4               \
	VPADDD      Z24, R3, R3               \
	VPSRAD      $SHIFT, R0, R0            \
	VPSRAD      $SHIFT, R1, R1            \
	VPSRAD      $SHIFT, R2, R2            \
	VPSRAD      $SHIFT, R3, R3            \
	VPSRAD      $SHIFT, R4, R4            \
	VPSRAD      $SHIFT, R5, R5            \
	VPSRAD      $SHIFT, R6, R6            \
	VPSRAD      $SHIFT, R7, R7

// The first row where libjpeg-turbo's short cut for blocks of one row might wrap.
DATA kHuge<>+0(SB)/4, $0x00002000
GLOBL kHuge<>(SB), RODATA|NOPTR, $4
DATA kHugeBits<>+0(SB)/4, $0x0000c000
GLOBL kHugeBits<>(SB), RODATA|NOPTR, $4

// func idctRowAVX512(coef *int16, n int, quant *[64]uint16, out *byte, stride int)
TEXT ·idctRowAVX512(SB), NOSPLIT, $128-40
	MOVQ coef+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ quant+16(FP), DX
	MOVQ out+24(FP), DI
	MOVQ stride+32(FP), R8

	// The quantisers of the upper left quarter, paired.
	VMOVDQU64 ·quarter(SB), Z0
	VMOVDQU64 ·quarter+64(SB), Z1
	VPERMW (DX), Z0, Z0
	VPERMW (DX), Z1, Z1
	VMOVDQU64 Z0, (SP)
	VMOVDQU64 Z1, 64(SP)

blocks:
	// Rows 0-3 and 4-7 of four blocks, gathered so that a register has one row
	// of each.
	VMOVDQU64 (SI), Z8
	VMOVDQU64 64(SI), Z12
	VMOVDQU64 128(SI), Z9
	VMOVDQU64 192(SI), Z13
	VMOVDQU64 256(SI), Z10
	VMOVDQU64 320(SI), Z14
	VMOVDQU64 384(SI), Z11
	VMOVDQU64 448(SI), Z15

	// Has only the upper left quarter coefficients?
	VMOVDQA64 Z8, Z16
	VPTERNLOGQ $0xFE, Z9, Z10, Z16             // all three
	VPTERNLOGQ $0xA8, ·rightHalf(SB), Z11, Z16 // and Z11, of columns 4-7
	VPTERNLOGQ $0xFE, Z12, Z13, Z16
	VPTERNLOGQ $0xFE, Z14, Z15, Z16
	VPTESTMQ Z16, Z16, K1
	KORTESTB K1, K1
	JEQ  small

full:
	VSHUFI32X4 $0x44, Z9, Z8, Z16
	VSHUFI32X4 $0xEE, Z9, Z8, Z17
	VSHUFI32X4 $0x44, Z11, Z10, Z18
	VSHUFI32X4 $0xEE, Z11, Z10, Z19
	VSHUFI32X4 $0x88, Z18, Z16, Z0
	VSHUFI32X4 $0xDD, Z18, Z16, Z1
	VSHUFI32X4 $0x88, Z19, Z17, Z2
	VSHUFI32X4 $0xDD, Z19, Z17, Z3
	VSHUFI32X4 $0x44, Z13, Z12, Z16
	VSHUFI32X4 $0xEE, Z13, Z12, Z17
	VSHUFI32X4 $0x44, Z15, Z14, Z18
	VSHUFI32X4 $0xEE, Z15, Z14, Z19
	VSHUFI32X4 $0x88, Z18, Z16, Z4
	VSHUFI32X4 $0xDD, Z18, Z16, Z5
	VSHUFI32X4 $0x88, Z19, Z17, Z6
	VSHUFI32X4 $0xDD, Z19, Z17, Z7

	// K1: the quadwords of blocks whose rows 1-7 are zero.
	VMOVDQA64 Z1, Z8
	VPTERNLOGD $0xFE, Z2, Z3, Z8
	VPTERNLOGD $0xFE, Z4, Z5, Z8
	VPTERNLOGD $0xFE, Z6, Z7, Z8
	VPSHUFD $0x4E, Z8, Z9
	VPORQ Z9, Z8, Z8
	VPTESTNMQ Z8, Z8, K1

	DEQUANT(0, Z0)
	DEQUANT(1, Z1)
	DEQUANT(2, Z2)
	DEQUANT(3, Z3)
	DEQUANT(4, Z4)
	DEQUANT(5, Z5)
	DEQUANT(6, Z6)
	DEQUANT(7, Z7)
	VPSLLW $2, Z0, Z8
	VPSRAW $2, Z8, Z8
	VMOVDQA64 Z8, K1, Z0

	PASS(kRound1, 11)

	// Transpose the 8x8 words of each lane.
	VPUNPCKLWD Z1, Z0, Z8
	VPUNPCKHWD Z1, Z0, Z12
	VPUNPCKLWD Z3, Z2, Z9
	VPUNPCKHWD Z3, Z2, Z13
	VPUNPCKLWD Z5, Z4, Z10
	VPUNPCKHWD Z5, Z4, Z14
	VPUNPCKLWD Z7, Z6, Z11
	VPUNPCKHWD Z7, Z6, Z15
	VPUNPCKLDQ Z9, Z8, Z16
	VPUNPCKHDQ Z9, Z8, Z17
	VPUNPCKLDQ Z13, Z12, Z18
	VPUNPCKHDQ Z13, Z12, Z19
	VPUNPCKLDQ Z11, Z10, Z20
	VPUNPCKHDQ Z11, Z10, Z21
	VPUNPCKLDQ Z15, Z14, Z22
	VPUNPCKHDQ Z15, Z14, Z23
	VPUNPCKLQDQ Z20, Z16, Z0
	VPUNPCKHQDQ Z20, Z16, Z1
	VPUNPCKLQDQ Z21, Z17, Z2
	VPUNPCKHQDQ Z21, Z17, Z3
	VPUNPCKLQDQ Z22, Z18, Z4
	VPUNPCKHQDQ Z22, Z18, Z5
	VPUNPCKLQDQ Z23, Z19, Z6
	VPUNPCKHQDQ Z23, Z19, Z7

	PASS(kRound2, 18)

narrow:
	// Narrow to bytes and transpose: register i of Z8..Z11 gets rows 2i, 2i+1.
	VPACKSSWB Z4, Z0, Z8
	VPACKSSWB Z5, Z1, Z9
	VPACKSSWB Z6, Z2, Z10
	VPACKSSWB Z7, Z3, Z11
	VPUNPCKLBW Z9, Z8, Z12
	VPUNPCKHBW Z9, Z8, Z13
	VPUNPCKLBW Z11, Z10, Z14
	VPUNPCKHBW Z11, Z10, Z15
	VPUNPCKLWD Z14, Z12, Z16
	VPUNPCKHWD Z14, Z12, Z17
	VPUNPCKLWD Z15, Z13, Z18
	VPUNPCKHWD Z15, Z13, Z19
	VPUNPCKLDQ Z18, Z16, Z8
	VPUNPCKHDQ Z18, Z16, Z9
	VPUNPCKLDQ Z19, Z17, Z10
	VPUNPCKHDQ Z19, Z17, Z11
	VPBROADCASTD k128<>(SB), Z31
	VMOVDQU64 evenOdd<>(SB), Z30
	VPADDB Z31, Z8, Z8
	VPADDB Z31, Z9, Z9
	VPADDB Z31, Z10, Z10
	VPADDB Z31, Z11, Z11
	VPERMQ Z8, Z30, Z8
	VPERMQ Z9, Z30, Z9
	VPERMQ Z10, Z30, Z10
	VPERMQ Z11, Z30, Z11
	MOVQ DI, R9
	VMOVDQU Y8, (R9)
	VEXTRACTI64X4 $1, Z8, (R9)(R8*1)
	LEAQ (R9)(R8*2), R9
	VMOVDQU Y9, (R9)
	VEXTRACTI64X4 $1, Z9, (R9)(R8*1)
	LEAQ (R9)(R8*2), R9
	VMOVDQU Y10, (R9)
	VEXTRACTI64X4 $1, Z10, (R9)(R8*1)
	LEAQ (R9)(R8*2), R9
	VMOVDQU Y11, (R9)
	VEXTRACTI64X4 $1, Z11, (R9)(R8*1)

	ADDQ $512, SI
	ADDQ $32, DI
	SUBQ $4, CX
	JG   blocks
	VZEROUPPER
	RET

small:
	// Pairs of v0 and v2 and of v1 and v3, their columns in the order 0, 2, 1, 3.
	VPUNPCKLQDQ Z9, Z8, Z16
	VPUNPCKLQDQ Z11, Z10, Z17
	VMOVDQU64 ·quarters(SB), Z0
	VMOVDQU64 ·quarters+64(SB), Z1
	VPERMI2W Z17, Z16, Z0
	VPERMI2W Z17, Z16, Z1
	VPMULLW (SP), Z0, Z0
	VPMULLW 64(SP), Z1, Z1
	VPBROADCASTD kHuge<>(SB), Z2
	VPADDW Z2, Z0, Z2
	VPTESTMD.BCST kHugeBits<>(SB), Z2, K1
	KORTESTW K1, K1
	JNE  full
	VPBROADCASTD kRound1<>(SB), Z29
	SMALL(Z0, Z1, 11, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23)

	// Rows of pairs of columns 0 and 2, 1 and 3, to columns of them.
	VPACKSSDW Z17, Z16, Z16
	VPACKSSDW Z19, Z18, Z18
	VPACKSSDW Z21, Z20, Z20
	VPACKSSDW Z23, Z22, Z22
	VSHUFPS $0x88, Z18, Z16, Z0
	VSHUFPS $0xDD, Z18, Z16, Z1
	VSHUFPS $0x88, Z22, Z20, Z2
	VSHUFPS $0xDD, Z22, Z20, Z3
	VPBROADCASTD kRound2<>(SB), Z29
	SMALL(Z0, Z1, 18, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)
	SMALL(Z2, Z3, 18, Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23)
	VPACKSSDW Z16, Z8, Z0
	VPACKSSDW Z17, Z9, Z1
	VPACKSSDW Z18, Z10, Z2
	VPACKSSDW Z19, Z11, Z3
	VPACKSSDW Z20, Z12, Z4
	VPACKSSDW Z21, Z13, Z5
	VPACKSSDW Z22, Z14, Z6
	VPACKSSDW Z23, Z15, Z7
	JMP  narrow

// Factors of YCbCr to RGB. What exceeds 16 bits is added in whole multiples of
// Cb or Cr; (x*f + 2^15) >> 16 is computed as (2*x*f >> 16 + 1) >> 1.
PAIR(kR, 26345, 26345)   // 1.402 - 1
PAIR(kB, -14942, -14942) // 1.772 - 2
PAIR(kG, -22554, 18734)  // -0.344, 1 - 0.714
DATA kTwo<>+0(SB)/4, $0x00020002
GLOBL kTwo<>(SB), RODATA|NOPTR, $4
DATA kCentre<>+0(SB)/4, $0x00800080
GLOBL kCentre<>(SB), RODATA|NOPTR, $4
DATA kHalf<>+0(SB)/4, $32768
GLOBL kHalf<>(SB), RODATA|NOPTR, $4

// YCC converts 32 pixels at offset OFF of SI, DX, R8 to words R, G, B. Z24..Z29
// hold kR, kB, kG, kOnes, kCentre, kHalf. Clobbers Z8..Z14.
#define YCC(OFF, R, G, B) \
	VPMOVZXBW  OFF(SI), Z8                \
	VPMOVZXBW  OFF(DX), Z9                \
	VPMOVZXBW  OFF(R8), Z10               \
	VPSUBW     Z28, Z9, Z9                \
	VPSUBW     Z28, Z10, Z10              \
	VPADDW     Z10, Z10, Z11              \
	VPADDW     Z9, Z9, Z12                \
	VPUNPCKLWD Z10, Z9, Z13               \
	VPUNPCKHWD Z10, Z9, Z14               \
	VPMULHW    Z24, Z11, Z11              \
	VPMULHW    Z25, Z12, R                \
	VPMADDWD   Z26, Z13, Z13              \
	VPMADDWD   Z26, Z14, Z14              \
	VPADDW     Z27, Z11, Z11              \
	VPADDW     Z27, R, B                  \
	VPSRAW     $1, Z11, Z11               \
	VPSRAW     $1, B, B                   \
	VPADDD     Z29, Z13, Z13              \
	VPADDD     Z29, Z14, Z14              \
	VPSRAD     $16, Z13, Z13              \
	VPSRAD     $16, Z14, Z14              \
	VPACKSSDW  Z14, Z13, Z13              \
	VPADDW     Z10, Z11, R                \
	VPADDW     Z12, B, B                  \
	VPSUBW     Z10, Z13, G                \
	VPADDW     Z8, R, R                   \
	VPADDW     Z8, B, B                   \
	VPADDW     Z8, G, G

// func yccRowAVX512(dst, y, cb, cr *byte, n int, order *[9][64]byte)
//
// order has, for each third of 192 output bytes, the places of R and G in a pair
// of registers and of B in one, and the mask of the bytes that are B.
TEXT ·yccRowAVX512(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ cb+16(FP), DX
	MOVQ cr+24(FP), R8
	MOVQ n+32(FP), CX
	MOVQ order+40(FP), R9
	VPBROADCASTD kR<>(SB), Z24
	VPBROADCASTD kB<>(SB), Z25
	VPBROADCASTD kG<>(SB), Z26
	VPBROADCASTD kOnes<>(SB), Z27
	VPBROADCASTD kCentre<>(SB), Z28
	VPBROADCASTD kHalf<>(SB), Z29
	VMOVDQU64 (R9), Z16
	VMOVDQU64 64(R9), Z17
	VMOVDQU64 128(R9), Z18
	VMOVDQU64 192(R9), Z19
	VMOVDQU64 256(R9), Z20
	VMOVDQU64 320(R9), Z21
	VMOVDQU64 384(R9), Z0
	VMOVDQU64 448(R9), Z1
	VMOVDQU64 512(R9), Z2
	VPMOVB2M Z0, K1
	VPMOVB2M Z1, K2
	VPMOVB2M Z2, K3

pixels:
	// Packing leaves pixels in the order that rgbOrder undoes.
	YCC(0, Z0, Z1, Z2)
	YCC(32, Z3, Z4, Z5)
	VPACKUSWB Z3, Z0, Z0
	VPACKUSWB Z4, Z1, Z1
	VPACKUSWB Z5, Z2, Z2
	VMOVDQA64 Z16, Z3
	VMOVDQA64 Z17, Z4
	VMOVDQA64 Z18, Z5
	VPERMI2B Z1, Z0, Z3
	VPERMI2B Z1, Z0, Z4
	VPERMI2B Z1, Z0, Z5
	VPERMB Z2, Z19, K1, Z3
	VPERMB Z2, Z20, K2, Z4
	VPERMB Z2, Z21, K3, Z5
	CMPQ CX, $64
	JL   tail
	VMOVDQU64 Z3, (DI)
	VMOVDQU64 Z4, 64(DI)
	VMOVDQU64 Z5, 128(DI)
	ADDQ $64, SI
	ADDQ $64, DX
	ADDQ $64, R8
	ADDQ $192, DI
	SUBQ $64, CX
	JG   pixels
	VZEROUPPER
	RET

tail:
	// The last 3*CX bytes, by whole registers and a masked one.
	LEAQ (CX)(CX*2), CX
	MOVQ $-1, AX
	CMPQ CX, $64
	JL   last
	VMOVDQU64 Z3, (DI)
	VMOVDQA64 Z4, Z3
	VMOVDQA64 Z5, Z4
	ADDQ $64, DI
	SUBQ $64, CX
	CMPQ CX, $64
	JL   last
	VMOVDQU64 Z3, (DI)
	VMOVDQA64 Z4, Z3
	ADDQ $64, DI
	SUBQ $64, CX

last:
	BZHIQ CX, AX, AX
	KMOVQ AX, K1
	VMOVDQU8 Z3, K1, (DI)
	VZEROUPPER
	RET

DATA kThree<>+0(SB)/4, $0x00030003
GLOBL kThree<>(SB), RODATA|NOPTR, $4
DATA kOnes<>+0(SB)/4, $0x00010001
GLOBL kOnes<>(SB), RODATA|NOPTR, $4
DATA kSevens<>+0(SB)/4, $0x00070007
GLOBL kSevens<>(SB), RODATA|NOPTR, $4
DATA kEights<>+0(SB)/4, $0x00080008
GLOBL kEights<>(SB), RODATA|NOPTR, $4

// COLUMN sums three times near and once far, at OFF.
#define COLUMN(OFF, R, T) \
	VPMOVZXBW OFF(SI), R                  \
	VPMOVZXBW OFF(DX), T                  \
	VPMULLW   Z28, R, R                   \
	VPADDW    T, R, R

// func upH2V2AVX512(out, near, far *byte, n int)
TEXT ·upH2V2AVX512(SB), NOSPLIT, $0-32
	MOVQ out+0(FP), DI
	MOVQ near+8(FP), SI
	MOVQ far+16(FP), DX
	MOVQ n+24(FP), CX
	VPBROADCASTD kThree<>(SB), Z28
	VPBROADCASTD kSevens<>(SB), Z29
	VPBROADCASTD kEights<>(SB), Z30

pairs:
	COLUMN(0, Z0, Z3)
	COLUMN(1, Z1, Z3)
	COLUMN(2, Z2, Z3)
	VPMULLW Z28, Z1, Z1
	VPADDW Z1, Z0, Z0
	VPADDW Z1, Z2, Z2
	VPADDW Z30, Z0, Z0
	VPADDW Z29, Z2, Z2
	VPSRLW $4, Z0, Z0
	VPSRLW $4, Z2, Z2
	VPSLLW $8, Z2, Z2
	VPORQ Z2, Z0, Z0
	VMOVDQU64 Z0, (DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $64, DI
	SUBQ $64, CX
	JG   pairs
	VZEROUPPER
	RET

// func upH2V1AVX512(out, in *byte, n int)
TEXT ·upH2V1AVX512(SB), NOSPLIT, $0-24
	MOVQ out+0(FP), DI
	MOVQ in+8(FP), SI
	MOVQ n+16(FP), CX
	VPBROADCASTD kThree<>(SB), Z28
	VPBROADCASTD kOnes<>(SB), Z29
	VPBROADCASTD kTwo<>(SB), Z30

pairs:
	VPMOVZXBW (SI), Z0
	VPMOVZXBW 1(SI), Z1
	VPMOVZXBW 2(SI), Z2
	VPMULLW Z28, Z1, Z1
	VPADDW Z1, Z0, Z0
	VPADDW Z1, Z2, Z2
	VPADDW Z29, Z0, Z0
	VPADDW Z30, Z2, Z2
	VPSRLW $2, Z0, Z0
	VPSRLW $2, Z2, Z2
	VPSLLW $8, Z2, Z2
	VPORQ Z2, Z0, Z0
	VMOVDQU64 Z0, (DI)
	ADDQ $32, SI
	ADDQ $64, DI
	SUBQ $64, CX
	JG   pairs
	VZEROUPPER
	RET
