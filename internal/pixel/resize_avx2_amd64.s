//go:build !noasm

#include "textflag.h"

// A 22-bit coefficient c is split into two 16-bit halves, c = high<<15 + low, that
// VPMADDWD multiplies with pairs of pixels. Sums of each half are kept apart and
// joined at the end; additions wrap, so the joined sum is the exact one.

DATA half<>+0(SB)/4, $0x200000
GLOBL half<>(SB), RODATA|NOPTR, $4

// MULTIPLY adds the columns of a pair of rows, interleaved as words in PAIRS, to
// the sums LOW and HIGH; Y10 and Y11 hold the halves of the two coefficients.
#define MULTIPLY(PAIRS, LOW, HIGH) \
	VPMADDWD Y10, PAIRS, Y12 \
	VPADDD Y12, LOW, LOW \
	VPMADDWD Y11, PAIRS, PAIRS \
	VPADDD PAIRS, HIGH, HIGH

// ROWS adds rows Y8 and Y9, 32 columns of each. Y15 is zero.
#define ROWS \
	VPBROADCASTD (R11), Y10 \
	VPBROADCASTD 4(R11), Y11 \
	ADDQ $8, R11 \
	VPUNPCKHBW Y9, Y8, Y13 \
	VPUNPCKLBW Y9, Y8, Y8 \
	VPUNPCKHBW Y15, Y8, Y9 \
	VPUNPCKLBW Y15, Y8, Y8 \
	MULTIPLY(Y8, Y0, Y4) \
	MULTIPLY(Y9, Y1, Y5) \
	VPUNPCKLBW Y15, Y13, Y8 \
	VPUNPCKHBW Y15, Y13, Y9 \
	MULTIPLY(Y8, Y2, Y6) \
	MULTIPLY(Y9, Y3, Y7)

// JOIN makes rounded pixels, not yet held to 0..255, of two sums.
#define JOIN(LOW, HIGH) \
	VPSLLD $15, HIGH, HIGH \
	VPADDD HIGH, LOW, LOW \
	VPSRAD $22, LOW, LOW

// func verticalAVX2(dst, src *byte, stride int, halves *uint32, taps, n int)
//
// One row of n >= 32 columns: the sum over taps rows, stride bytes apart. halves
// holds, for each pair of taps, the two low halves, then the two high ones.
TEXT ·verticalAVX2(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), DX
	MOVQ halves+24(FP), R8
	MOVQ taps+32(FP), R9
	MOVQ n+40(FP), CX
	VPXOR Y15, Y15, Y15
	VPBROADCASTD half<>(SB), Y14
	LEAQ -32(CX), R13
	XORQ BX, BX

columns:
	CMPQ BX, R13
	CMOVQGT R13, BX // the last columns once more where fewer than 32 are left
	LEAQ (SI)(BX*1), R10
	MOVQ R8, R11
	MOVQ R9, R12
	VMOVDQA Y14, Y0
	VMOVDQA Y14, Y1
	VMOVDQA Y14, Y2
	VMOVDQA Y14, Y3
	VPXOR Y4, Y4, Y4
	VPXOR Y5, Y5, Y5
	VPXOR Y6, Y6, Y6
	VPXOR Y7, Y7, Y7
	SUBQ $2, R12
	JLT last

pair:
	VMOVDQU (R10), Y8
	VMOVDQU (R10)(DX*1), Y9
	LEAQ (R10)(DX*2), R10
	ROWS
	SUBQ $2, R12
	JGE pair

last:
	CMPQ R12, $-1
	JNE store
	VMOVDQU (R10), Y8
	VPXOR Y9, Y9, Y9
	ROWS

store:
	JOIN(Y0, Y4)
	JOIN(Y1, Y5)
	JOIN(Y2, Y6)
	JOIN(Y3, Y7)
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPACKUSWB Y2, Y0, Y0
	VMOVDQU Y0, (DI)(BX*1)
	ADDQ $32, BX
	CMPQ BX, CX
	JLT columns
	VZEROUPPER
	RET

// Bytes of 16 loaded ones that make pairs of pixels 0 and 1: red, green, blue; and
// of pixels 2 and 3.
DATA pairs01<>+0(SB)/8, $0xff04ff01ff03ff00
DATA pairs01<>+8(SB)/8, $0xffffffffff05ff02
GLOBL pairs01<>(SB), RODATA|NOPTR, $16
DATA pairs23<>+0(SB)/8, $0xff0aff07ff09ff06
DATA pairs23<>+8(SB)/8, $0xffffffffff0bff08
GLOBL pairs23<>(SB), RODATA|NOPTR, $16

// TAPS adds a pair of pixels of both rows, with the halves at the given places.
#define TAPS(PAIR, LOW, HIGH) \
	VPBROADCASTD LOW(R13), Y5 \
	VPBROADCASTD HIGH(R13), Y6 \
	VPMADDWD PAIR, Y5, Y5 \
	VPMADDWD PAIR, Y6, Y6 \
	VPADDD Y5, Y0, Y0 \
	VPADDD Y6, Y1, Y1

// func horizontalNearAVX2(dst0, dst1, src0, src1 *byte, bases *int32, order, halves *uint32, pairs, vectors int)
//
// Vectors of 8 bytes of two rows. Each half of vector i takes its taps from 16
// bytes at bases[2*i] and bases[2*i+1], two by the byte order at order[8*i] and as
// many more from every 6 bytes on. halves holds, for each vector and two taps, the
// low halves of 8 pairs of coefficients, then the high ones.
TEXT ·horizontalNearAVX2(SB), NOSPLIT, $0-72
	MOVQ dst0+0(FP), DI
	MOVQ dst1+8(FP), DX
	MOVQ src0+16(FP), SI
	MOVQ src1+24(FP), R9
	MOVQ bases+32(FP), R8
	MOVQ order+40(FP), BX
	MOVQ halves+48(FP), R13
	MOVQ pairs+56(FP), R14
	MOVQ vectors+64(FP), CX
	VPBROADCASTD half<>(SB), Y15

vector:
	MOVLQSX (R8), AX
	MOVLQSX 4(R8), R10
	ADDQ $8, R8
	VMOVDQU (BX), Y10
	ADDQ $32, BX
	VMOVDQA Y15, Y0
	VPXOR Y1, Y1, Y1
	VMOVDQA Y15, Y2
	VPXOR Y3, Y3, Y3
	MOVQ R14, R12

two:
	VMOVDQU (SI)(AX*1), X4
	VMOVDQU (R9)(AX*1), X5
	VINSERTI128 $1, (SI)(R10*1), Y4, Y4
	VINSERTI128 $1, (R9)(R10*1), Y5, Y5
	VMOVDQU (R13), Y8
	VMOVDQU 32(R13), Y9
	VPSHUFB Y10, Y4, Y4
	VPSHUFB Y10, Y5, Y5
	VPMADDWD Y8, Y4, Y6
	VPMADDWD Y9, Y4, Y4
	VPMADDWD Y8, Y5, Y7
	VPMADDWD Y9, Y5, Y5
	VPADDD Y6, Y0, Y0
	VPADDD Y4, Y1, Y1
	VPADDD Y7, Y2, Y2
	VPADDD Y5, Y3, Y3
	ADDQ $6, AX
	ADDQ $6, R10
	ADDQ $64, R13
	DECQ R12
	JNZ two

	JOIN(Y0, Y1)
	JOIN(Y2, Y3)
	VPACKSSDW Y2, Y0, Y0
	VPACKUSWB Y0, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPUNPCKLDQ X1, X0, X0
	VMOVQ X0, (DI)
	VPEXTRQ $1, X0, (DX)
	ADDQ $8, DI
	ADDQ $8, DX
	DECQ CX
	JNZ vector
	VZEROUPPER
	RET

// func horizontalAVX2(dst0, dst1, src0, src1 *byte, offsets *int32, halves *uint32, pairs, n int)
//
// n pixels of two rows, one in each half of the vectors. Pixel i takes 2*pairs
// pixels from byte offsets[i]; halves is as above. Reads up to 16 bytes from the
// last but one or last pair and writes one byte too many.
TEXT ·horizontalAVX2(SB), NOSPLIT, $0-64
	MOVQ dst0+0(FP), DI
	MOVQ dst1+8(FP), DX
	MOVQ src0+16(FP), SI
	MOVQ src1+24(FP), R9
	MOVQ offsets+32(FP), R8
	MOVQ halves+40(FP), R13
	MOVQ pairs+48(FP), R14
	MOVQ n+56(FP), CX
	VPBROADCASTD half<>(SB), Y15
	VBROADCASTI128 pairs01<>(SB), Y14
	VBROADCASTI128 pairs23<>(SB), Y13

pixel:
	MOVLQSX (R8), AX
	ADDQ $4, R8
	LEAQ (SI)(AX*1), R10
	LEAQ (R9)(AX*1), R11
	VMOVDQA Y15, Y0
	VPXOR Y1, Y1, Y1
	MOVQ R14, R12
	SUBQ $2, R12
	JLT odd

four:
	VMOVDQU (R10), X2
	VINSERTI128 $1, (R11), Y2, Y2
	VPSHUFB Y14, Y2, Y3
	VPSHUFB Y13, Y2, Y4
	TAPS(Y3, 0, 4)
	TAPS(Y4, 8, 12)
	ADDQ $16, R13
	ADDQ $12, R10
	ADDQ $12, R11
	SUBQ $2, R12
	JGE four

odd:
	CMPQ R12, $-1
	JNE out
	VMOVDQU (R10), X2
	VINSERTI128 $1, (R11), Y2, Y2
	VPSHUFB Y14, Y2, Y3
	TAPS(Y3, 0, 4)
	ADDQ $8, R13

out:
	JOIN(Y0, Y1)
	VPACKSSDW Y0, Y0, Y0
	VPACKUSWB Y0, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VMOVD X0, (DI)
	VMOVD X1, (DX)
	ADDQ $3, DI
	ADDQ $3, DX
	DECQ CX
	JNZ pixel
	VZEROUPPER
	RET
