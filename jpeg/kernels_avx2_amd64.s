//go:build !noasm

#include "textflag.h"

// Vectors of AVX2 hold two blocks, one in each 128-bit lane: register i of
// Y0..Y7 has row (or, after transposition, column) i of both.

#define PAIR8(name, lo, hi) \
	DATA name<>+0(SB)/4, $((((hi)&0xffff)<<16)|((lo)&0xffff)) \
	DATA name<>+4(SB)/4, $((((hi)&0xffff)<<16)|((lo)&0xffff)) \
	DATA name<>+8(SB)/4, $((((hi)&0xffff)<<16)|((lo)&0xffff)) \
	DATA name<>+12(SB)/4, $((((hi)&0xffff)<<16)|((lo)&0xffff)) \
	DATA name<>+16(SB)/4, $((((hi)&0xffff)<<16)|((lo)&0xffff)) \
	DATA name<>+20(SB)/4, $((((hi)&0xffff)<<16)|((lo)&0xffff)) \
	DATA name<>+24(SB)/4, $((((hi)&0xffff)<<16)|((lo)&0xffff)) \
	DATA name<>+28(SB)/4, $((((hi)&0xffff)<<16)|((lo)&0xffff)) \
	GLOBL name<>(SB), RODATA|NOPTR, $32

PAIR8(vT3, 4433+6270, 4433)
PAIR8(vT2, 4433, 4433-15137)
PAIR8(vT0, 8192, 0)
PAIR8(vT1, 0, 8192)
PAIR8(vZ3, 9633-16069, 9633)
PAIR8(vZ4, 9633, 9633-3196)
PAIR8(vO0, 2446-7373, -7373)
PAIR8(vO3, -7373, 12299-7373)
PAIR8(vO1, 16819-20995, -20995)
PAIR8(vO2, -20995, 25172-20995)
PAIR8(vRound1, 1024, 0) // 2^10
PAIR8(vRound2, 0, 2)    // 2^17
PAIR8(v128, 0x8080, 0x8080)

// ODD computes the odd part for the half of the columns that UNPACK chooses,
// from v7, v5, v3, v1 in Y7, Y5, Y3, Y1: o0, o1, o2, o3 in Y8, Y9, Y10, Y11.
// Clobbers Y12..Y15.
#define ODD(UNPACK) \
	VPADDW   Y3, Y7, Y12                  \
	VPADDW   Y1, Y5, Y13                  \
	UNPACK   Y13, Y12, Y14                \
	VPMADDWD vZ3<>(SB), Y14, Y12          \
	VPMADDWD vZ4<>(SB), Y14, Y13          \
	UNPACK   Y1, Y7, Y14                  \
	VPMADDWD vO0<>(SB), Y14, Y8           \
	VPMADDWD vO3<>(SB), Y14, Y11          \
	UNPACK   Y3, Y5, Y14                  \
	VPMADDWD vO1<>(SB), Y14, Y9           \
	VPMADDWD vO2<>(SB), Y14, Y10          \
	VPADDD   Y12, Y8, Y8                  \
	VPADDD   Y13, Y11, Y11                \
	VPADDD   Y13, Y9, Y9                  \
	VPADDD   Y12, Y10, Y10

// EVEN computes rounded t0, t3 in Y12, Y13 (FIRST) or t1, t2, from v0+v4 and
// v0-v4 in Y0 and Y4, and v2, v6 in Y2 and Y6. Clobbers Y14.
#define EVEN(UNPACK, T01, T32, ROUND) \
	UNPACK   Y4, Y0, Y14                  \
	VPMADDWD T01<>(SB), Y14, Y12          \
	VPADDD   ROUND<>(SB), Y12, Y12        \
	UNPACK   Y6, Y2, Y14                  \
	VPMADDWD T32<>(SB), Y14, Y13

// FOUR makes the results I, 7-I, J, 7-J of t in Y12, Y13 and the odd parts OI
// and OJ, where I is 0 or 1, in Y14, OI, Y15, OJ.
#define FOUR(SHIFT, OI, OJ) \
	VPADDD  Y13, Y12, Y14                 \
	VPSUBD  Y13, Y12, Y15                 \
	VPSUBD  OI, Y14, Y12                  \
	VPADDD  OI, Y14, Y14                  \
	VPSUBD  OJ, Y15, Y13                  \
	VPADDD  OJ, Y15, Y15                  \
	VPSRAD  $SHIFT, Y14, Y14              \
	VPSRAD  $SHIFT, Y12, OI               \
	VPSRAD  $SHIFT, Y15, Y15              \
	VPSRAD  $SHIFT, Y13, OJ

// PASS transforms Y0..Y7 in place. The results of the upper columns wait on the
// stack for those of the lower.
#define PASS(ROUND, SHIFT) \
	VPADDW    Y4, Y0, Y8                  \
	VPSUBW    Y4, Y0, Y4                  \
	VMOVDQA   Y8, Y0                      \
	ODD(VPUNPCKHWD)                       \
	EVEN(VPUNPCKHWD, vT0, vT3, ROUND)     \
	FOUR(SHIFT, Y11, Y8)                  \
	VMOVDQU   Y14, (SP)                   \
	VMOVDQU   Y11, 224(SP)                \
	VMOVDQU   Y15, 96(SP)                 \
	VMOVDQU   Y8, 128(SP)                 \
	EVEN(VPUNPCKHWD, vT1, vT2, ROUND)     \
	FOUR(SHIFT, Y10, Y9)                  \
	VMOVDQU   Y14, 32(SP)                 \
	VMOVDQU   Y10, 192(SP)                \
	VMOVDQU   Y15, 64(SP)                 \
	VMOVDQU   Y9, 160(SP)                 \
	ODD(VPUNPCKLWD)                       \
	EVEN(VPUNPCKLWD, vT0, vT3, ROUND)     \
	FOUR(SHIFT, Y11, Y8)                  \
	VPACKSSDW 224(SP), Y11, Y7            \
	VPACKSSDW 96(SP), Y15, Y3             \
	VMOVDQA   Y8, Y5                      \
	VMOVDQA   Y14, Y1                     \
	EVEN(VPUNPCKLWD, vT1, vT2, ROUND)     \
	FOUR(SHIFT, Y10, Y9)                  \
	VPACKSSDW (SP), Y1, Y0                \
	VPACKSSDW 128(SP), Y5, Y4             \
	VPACKSSDW 32(SP), Y14, Y1             \
	VPACKSSDW 192(SP), Y10, Y6            \
	VPACKSSDW 64(SP), Y15, Y2             \
	VPACKSSDW 160(SP), Y9, Y5

// ROW loads and dequantises row I of two blocks.
#define ROW(I, X, Y) \
	VMOVDQU     (16*I)(SI), X             \
	VINSERTI128 $1, (16*I+128)(SI), Y, Y

#define SCALE(I, Y) \
	VBROADCASTI128 (16*I)(DX), Y15        \
	VPMULLW        Y15, Y, Y

// func idctRowAVX2(coef *int16, n int, quant *[64]uint16, out *byte, stride int)
TEXT ·idctRowAVX2(SB), NOSPLIT, $256-40
	MOVQ coef+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ quant+16(FP), DX
	MOVQ out+24(FP), DI
	MOVQ stride+32(FP), R8

blocks:
	ROW(0, X0, Y0)
	ROW(1, X1, Y1)
	ROW(2, X2, Y2)
	ROW(3, X3, Y3)
	ROW(4, X4, Y4)
	ROW(5, X5, Y5)
	ROW(6, X6, Y6)
	ROW(7, X7, Y7)

	// Y8: ones in the lanes of blocks whose rows 1-7 are zero.
	VPOR Y1, Y2, Y8
	VPOR Y3, Y4, Y9
	VPOR Y5, Y6, Y10
	VPOR Y7, Y8, Y8
	VPOR Y9, Y10, Y9
	VPOR Y8, Y9, Y8
	VPSHUFD $0x4E, Y8, Y9
	VPOR Y9, Y8, Y8
	VPXOR Y9, Y9, Y9
	VPCMPEQQ Y9, Y8, Y8

	SCALE(0, Y0)
	SCALE(1, Y1)
	SCALE(2, Y2)
	SCALE(3, Y3)
	SCALE(4, Y4)
	SCALE(5, Y5)
	SCALE(6, Y6)
	SCALE(7, Y7)
	VPSLLW $2, Y0, Y9
	VPSRAW $2, Y9, Y9
	VPBLENDVB Y8, Y9, Y0, Y0

	PASS(vRound1, 11)

	// Transpose the 8x8 words of each lane.
	VPUNPCKLWD Y1, Y0, Y8
	VPUNPCKHWD Y1, Y0, Y12
	VPUNPCKLWD Y3, Y2, Y9
	VPUNPCKHWD Y3, Y2, Y13
	VPUNPCKLWD Y5, Y4, Y10
	VPUNPCKHWD Y5, Y4, Y14
	VPUNPCKLWD Y7, Y6, Y11
	VPUNPCKHWD Y7, Y6, Y15
	VPUNPCKLDQ Y9, Y8, Y0
	VPUNPCKHDQ Y9, Y8, Y2
	VPUNPCKLDQ Y13, Y12, Y4
	VPUNPCKHDQ Y13, Y12, Y6
	VPUNPCKLDQ Y11, Y10, Y1
	VPUNPCKHDQ Y11, Y10, Y3
	VPUNPCKLDQ Y15, Y14, Y5
	VPUNPCKHDQ Y15, Y14, Y7
	VPUNPCKLQDQ Y1, Y0, Y8
	VPUNPCKHQDQ Y1, Y0, Y1
	VMOVDQA Y8, Y0
	VPUNPCKLQDQ Y3, Y2, Y8
	VPUNPCKHQDQ Y3, Y2, Y3
	VMOVDQA Y8, Y2
	VPUNPCKLQDQ Y5, Y4, Y8
	VPUNPCKHQDQ Y5, Y4, Y5
	VMOVDQA Y8, Y4
	VPUNPCKLQDQ Y7, Y6, Y8
	VPUNPCKHQDQ Y7, Y6, Y7
	VMOVDQA Y8, Y6

	PASS(vRound2, 18)

	// Narrow to bytes and transpose: Y8..Y11 get rows 0-1, 2-3, 4-5, 6-7.
	VPACKSSWB Y4, Y0, Y8
	VPACKSSWB Y5, Y1, Y9
	VPACKSSWB Y6, Y2, Y10
	VPACKSSWB Y7, Y3, Y11
	VPUNPCKLBW Y9, Y8, Y12
	VPUNPCKHBW Y9, Y8, Y13
	VPUNPCKLBW Y11, Y10, Y14
	VPUNPCKHBW Y11, Y10, Y15
	VPUNPCKLWD Y14, Y12, Y0
	VPUNPCKHWD Y14, Y12, Y1
	VPUNPCKLWD Y15, Y13, Y2
	VPUNPCKHWD Y15, Y13, Y3
	VPUNPCKLDQ Y2, Y0, Y8
	VPUNPCKHDQ Y2, Y0, Y9
	VPUNPCKLDQ Y3, Y1, Y10
	VPUNPCKHDQ Y3, Y1, Y11
	VMOVDQU v128<>(SB), Y15
	VPADDB Y15, Y8, Y8
	VPADDB Y15, Y9, Y9
	VPADDB Y15, Y10, Y10
	VPADDB Y15, Y11, Y11
	VPERMQ $0xD8, Y8, Y8
	VPERMQ $0xD8, Y9, Y9
	VPERMQ $0xD8, Y10, Y10
	VPERMQ $0xD8, Y11, Y11
	MOVQ DI, R9
	VMOVDQU X8, (R9)
	VEXTRACTI128 $1, Y8, (R9)(R8*1)
	LEAQ (R9)(R8*2), R9
	VMOVDQU X9, (R9)
	VEXTRACTI128 $1, Y9, (R9)(R8*1)
	LEAQ (R9)(R8*2), R9
	VMOVDQU X10, (R9)
	VEXTRACTI128 $1, Y10, (R9)(R8*1)
	LEAQ (R9)(R8*2), R9
	VMOVDQU X11, (R9)
	VEXTRACTI128 $1, Y11, (R9)(R8*1)

	ADDQ $256, SI
	ADDQ $16, DI
	SUBQ $2, CX
	JG   blocks
	VZEROUPPER
	RET

PAIR8(vR, 26345, 26345)   // 1.402 - 1
PAIR8(vB, -14942, -14942) // 1.772 - 2
PAIR8(vG, -22554, 18734) // -0.344, 1 - 0.714
PAIR8(vOnes, 1, 1)
PAIR8(vTwos, 2, 2)
PAIR8(vCentre, 128, 128)
PAIR8(vHalf, 32768, 0)

// Byte shuffles that spread 16 samples of one colour over 48 bytes of RGB, a
// table for each colour and register; 0x80 leaves zero.
DATA spreadR0<>+0(SB)/8, $0x8002808001808000
DATA spreadR0<>+8(SB)/8, $0x0580800480800380
GLOBL spreadR0<>(SB), RODATA|NOPTR, $16
DATA spreadG0<>+0(SB)/8, $0x0280800180800080
DATA spreadG0<>+8(SB)/8, $0x8080048080038080
GLOBL spreadG0<>(SB), RODATA|NOPTR, $16
DATA spreadB0<>+0(SB)/8, $0x8080018080008080
DATA spreadB0<>+8(SB)/8, $0x8004808003808002
GLOBL spreadB0<>(SB), RODATA|NOPTR, $16
DATA spreadR1<>+0(SB)/8, $0x8080078080068080
DATA spreadR1<>+8(SB)/8, $0x800a808009808008
GLOBL spreadR1<>(SB), RODATA|NOPTR, $16
DATA spreadG1<>+0(SB)/8, $0x8007808006808005
DATA spreadG1<>+8(SB)/8, $0x0a80800980800880
GLOBL spreadG1<>(SB), RODATA|NOPTR, $16
DATA spreadB1<>+0(SB)/8, $0x0780800680800580
DATA spreadB1<>+8(SB)/8, $0x8080098080088080
GLOBL spreadB1<>(SB), RODATA|NOPTR, $16
DATA spreadR2<>+0(SB)/8, $0x0d80800c80800b80
DATA spreadR2<>+8(SB)/8, $0x80800f80800e8080
GLOBL spreadR2<>(SB), RODATA|NOPTR, $16
DATA spreadG2<>+0(SB)/8, $0x80800c80800b8080
DATA spreadG2<>+8(SB)/8, $0x800f80800e80800d
GLOBL spreadG2<>(SB), RODATA|NOPTR, $16
DATA spreadB2<>+0(SB)/8, $0x800c80800b80800a
DATA spreadB2<>+8(SB)/8, $0x0f80800e80800d80
GLOBL spreadB2<>(SB), RODATA|NOPTR, $16

// YCC16 converts 16 pixels at OFF to words R, G, B. Y8 holds vOnes, Y9 vCentre.
// See YCC of the AVX-512 kernels.
#define YCC16(OFF, R, G, B) \
	VPMOVZXBW  OFF(SI), Y10               \
	VPMOVZXBW  OFF(DX), Y11               \
	VPMOVZXBW  OFF(R8), Y12               \
	VPSUBW     Y9, Y11, Y11               \
	VPSUBW     Y9, Y12, Y12               \
	VPUNPCKLWD Y12, Y11, Y13              \
	VPUNPCKHWD Y12, Y11, Y14              \
	VPMADDWD   vG<>(SB), Y13, Y13         \
	VPMADDWD   vG<>(SB), Y14, Y14         \
	VPADDD     vHalf<>(SB), Y13, Y13      \
	VPADDD     vHalf<>(SB), Y14, Y14      \
	VPSRAD     $16, Y13, Y13              \
	VPSRAD     $16, Y14, Y14              \
	VPACKSSDW  Y14, Y13, Y13              \
	VPSUBW     Y12, Y13, Y13              \
	VPADDW     Y10, Y13, G                \
	VPADDW     Y12, Y12, Y13              \
	VPADDW     Y11, Y11, Y14              \
	VPMULHW    vR<>(SB), Y13, Y13         \
	VPMULHW    vB<>(SB), Y14, Y15         \
	VPADDW     Y8, Y13, Y13               \
	VPADDW     Y8, Y15, Y15               \
	VPSRAW     $1, Y13, Y13               \
	VPSRAW     $1, Y15, Y15               \
	VPADDW     Y12, Y13, Y13              \
	VPADDW     Y14, Y15, Y15              \
	VPADDW     Y10, Y13, R                \
	VPADDW     Y10, Y15, B

// SPREAD makes output register T of both lanes of Y0 (R), Y1 (G), Y2 (B).
#define SPREAD(R, G, B, OUT) \
	VBROADCASTI128 R<>(SB), Y10           \
	VBROADCASTI128 G<>(SB), Y11           \
	VBROADCASTI128 B<>(SB), Y12           \
	VPSHUFB    Y10, Y0, Y10               \
	VPSHUFB    Y11, Y1, Y11               \
	VPSHUFB    Y12, Y2, Y12               \
	VPOR       Y10, Y11, Y10              \
	VPOR       Y10, Y12, OUT

// func yccRowAVX2(dst, y, cb, cr *byte, n int)
//
// n is a multiple of 32.
TEXT ·yccRowAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ cb+16(FP), DX
	MOVQ cr+24(FP), R8
	MOVQ n+32(FP), CX
	VMOVDQU vOnes<>(SB), Y8
	VMOVDQU vCentre<>(SB), Y9

pixels:
	YCC16(0, Y0, Y1, Y2)
	YCC16(16, Y3, Y4, Y5)
	VPACKUSWB Y3, Y0, Y0
	VPACKUSWB Y4, Y1, Y1
	VPACKUSWB Y5, Y2, Y2
	VPERMQ $0xD8, Y0, Y0
	VPERMQ $0xD8, Y1, Y1
	VPERMQ $0xD8, Y2, Y2
	SPREAD(spreadR0, spreadG0, spreadB0, Y3)
	SPREAD(spreadR1, spreadG1, spreadB1, Y4)
	SPREAD(spreadR2, spreadG2, spreadB2, Y5)
	VMOVDQU X3, (DI)
	VMOVDQU X4, 16(DI)
	VMOVDQU X5, 32(DI)
	VEXTRACTI128 $1, Y3, 48(DI)
	VEXTRACTI128 $1, Y4, 64(DI)
	VEXTRACTI128 $1, Y5, 80(DI)
	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, R8
	ADDQ $96, DI
	SUBQ $32, CX
	JG   pixels
	VZEROUPPER
	RET

// func greyRowAVX2(dst, y *byte, n int)
//
// n is a multiple of 32.
TEXT ·greyRowAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ y+8(FP), SI
	MOVQ n+16(FP), CX

grey:
	VMOVDQU (SI), Y0
	VMOVDQA Y0, Y1
	VMOVDQA Y0, Y2
	SPREAD(spreadR0, spreadG0, spreadB0, Y3)
	SPREAD(spreadR1, spreadG1, spreadB1, Y4)
	SPREAD(spreadR2, spreadG2, spreadB2, Y5)
	VMOVDQU X3, (DI)
	VMOVDQU X4, 16(DI)
	VMOVDQU X5, 32(DI)
	VEXTRACTI128 $1, Y3, 48(DI)
	VEXTRACTI128 $1, Y4, 64(DI)
	VEXTRACTI128 $1, Y5, 80(DI)
	ADDQ $32, SI
	ADDQ $96, DI
	SUBQ $32, CX
	JG   grey
	VZEROUPPER
	RET

PAIR8(vThrees, 3, 3)
PAIR8(vSevens, 7, 7)
PAIR8(vEights, 8, 8)

// COLUMN sums three times near and once far, at OFF.
#define COLUMN(OFF, R) \
	VPMOVZXBW OFF(SI), R                  \
	VPMOVZXBW OFF(DX), Y15                \
	VPMULLW   Y8, R, R                    \
	VPADDW    Y15, R, R

// func upH2V2AVX2(out, near, far *byte, n int)
TEXT ·upH2V2AVX2(SB), NOSPLIT, $0-32
	MOVQ out+0(FP), DI
	MOVQ near+8(FP), SI
	MOVQ far+16(FP), DX
	MOVQ n+24(FP), CX
	VMOVDQU vThrees<>(SB), Y8

pairs:
	COLUMN(0, Y0)
	COLUMN(1, Y1)
	COLUMN(2, Y2)
	VPMULLW Y8, Y1, Y1
	VPADDW Y1, Y0, Y0
	VPADDW Y1, Y2, Y2
	VPADDW vEights<>(SB), Y0, Y0
	VPADDW vSevens<>(SB), Y2, Y2
	VPSRLW $4, Y0, Y0
	VPSRLW $4, Y2, Y2
	VPSLLW $8, Y2, Y2
	VPOR Y2, Y0, Y0
	VMOVDQU Y0, (DI)
	ADDQ $16, SI
	ADDQ $16, DX
	ADDQ $32, DI
	SUBQ $32, CX
	JG   pairs
	VZEROUPPER
	RET

// func upH2V1AVX2(out, in *byte, n int)
TEXT ·upH2V1AVX2(SB), NOSPLIT, $0-24
	MOVQ out+0(FP), DI
	MOVQ in+8(FP), SI
	MOVQ n+16(FP), CX

pairs1:
	VPMOVZXBW (SI), Y0
	VPMOVZXBW 1(SI), Y1
	VPMOVZXBW 2(SI), Y2
	VPMULLW vThrees<>(SB), Y1, Y1
	VPADDW Y1, Y0, Y0
	VPADDW Y1, Y2, Y2
	VPADDW vOnes<>(SB), Y0, Y0
	VPADDW vTwos<>(SB), Y2, Y2
	VPSRLW $2, Y0, Y0
	VPSRLW $2, Y2, Y2
	VPSLLW $8, Y2, Y2
	VPOR Y2, Y0, Y0
	VMOVDQU Y0, (DI)
	ADDQ $16, SI
	ADDQ $32, DI
	SUBQ $32, CX
	JG   pairs1
	VZEROUPPER
	RET
