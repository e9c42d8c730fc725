//go:build !noasm

#include "go_asm.h"
#include "textflag.h"

// The stack of unpackAVX2.
#define BIGS   0   // magnitudes of the values beyond 1, in bytes
#define ALL    64  // magnitudes of all values, in bytes
#define MASK   128 // places of the values
#define SIGNS  136 // those of them that are negative
#define STRING 144 // for each value: whether it is beyond 1
#define WIDE   152 // bigs that come in two bytes
#define COUNT  160 // of values
#define OVER   168 // bigs that do not fit their width

// QUAD takes the next eight magnitudes from R15 on, DX bits off, into Q. CX is
// the width, BX the table.
#define QUAD(Q) \
	MOVQ  (R15), Q                        \
	SHRXQ DX, Q, Q                        \
	PDEPQ unpackTable_spread(BX), Q, Q    \
	ADDQ  CX, R15

// FOURQUADS takes 32 magnitudes into Y0. Clobbers AX, X1.
#define FOURQUADS \
	QUAD(AX)                              \
	VMOVQ AX, X0                          \
	QUAD(AX)                              \
	VPINSRQ $1, AX, X0, X0                \
	QUAD(AX)                              \
	VMOVQ AX, X1                          \
	QUAD(AX)                              \
	VPINSRQ $1, AX, X1, X1                \
	VINSERTI128 $1, X1, Y0, Y0

// SPREAD brings the bytes at SRC, CX bytes on, to the ones of byte I of the
// bits at BITS, in X, zeros elsewhere. CX moves on. Clobbers AX, X5.
#define SPREAD(BITS, I, SRC, X) \
	MOVBLZX (BITS+I)(SP), AX              \
	VMOVQ   SRC(CX*1), X                  \
	VMOVQ   spreads_bytes(R13)(AX*8), X5  \
	VPSHUFB X5, X, X                      \
	POPCNTL AX, AX                        \
	ADDQ    AX, CX

// FOURSPREADS does so for 32 bits, from byte I on, in Y0. Clobbers X1, X2, X3.
#define FOURSPREADS(BITS, I, SRC) \
	SPREAD(BITS, I, SRC, X0)              \
	SPREAD(BITS, I+1, SRC, X1)            \
	SPREAD(BITS, I+2, SRC, X2)            \
	SPREAD(BITS, I+3, SRC, X3)            \
	VPUNPCKLQDQ X1, X0, X0                \
	VPUNPCKLQDQ X3, X2, X2                \
	VINSERTI128 $1, X2, Y0, Y0

// MAGNITUDES stores those of 32 values from byte I of STRING on: of bigs, or 1.
#define MAGNITUDES(I) \
	FOURSPREADS(STRING, I, BIGS(SP))      \
	VPMAXUB Y15, Y0, Y0                   \
	VMOVDQU Y0, (ALL+8*I)(SP)

// OVERS adds what follows for 32 bigs from byte I of OVER on.
#define OVERS(P, I) \
	FOURSPREADS(OVER, I, (P))             \
	VPCMPEQB Y13, Y0, Y1                  \
	VPADDB   (BIGS+8*I)(SP), Y0, Y0       \
	VMOVDQU  Y0, (BIGS+8*I)(SP)           \
	VPMOVMSKB Y1, AX                      \
	MOVL     AX, (WIDE+I)(SP)

// PLACE writes group G to the block at R15: two runs of four in its rows.
// Clobbers AX, DX.
#define PLACE(G) \
	MOVBLZX (MASK+G)(SP), AX              \
	MOVBLZX (SIGNS+G)(SP), DX             \
	VMOVQ   ALL(SP)(CX*1), X0             \
	POPCNTL AX, BX                        \
	SHLL    $4, AX                        \
	SHLL    $4, DX                        \
	ADDQ    BX, CX                        \
	VPSHUFB spreads_words(R13)(AX*1), X0, X0 \
	VPSIGNW spreads_signs(R13)(DX*1), X0, X0 \
	VMOVQ   X0, (G/2*32+G%2*8)(R15)       \
	VPEXTRQ $1, X0, (G/2*32+G%2*8+16)(R15)

// func unpackAVX2(streams *packedStream, n int, jobs *job, count int, tables *[4]*unpackTable) int
//
// Registers: R8 the job, R9 the end of the jobs, R10 the tables, R13 spread; R11
// the stream, DI the end of the streams, SI the place in it. Y15 holds bytes of 1,
// Y14 of 2, Y13 of 255.
TEXT ·unpackAVX2(SB), NOSPLIT, $176-48
	MOVQ streams+0(FP), R11
	MOVQ n+8(FP), DI
	IMULQ $packedStream__size, DI
	ADDQ R11, DI
	MOVQ jobs+16(FP), R8
	MOVQ count+24(FP), R9
	SHLQ $5, R9
	ADDQ R8, R9
	MOVQ tables+32(FP), R10
	LEAQ ·spread(SB), R13
	MOVQ $0x0101010101010101, AX
	VMOVQ AX, X15
	VPBROADCASTQ X15, Y15
	VPADDB Y15, Y15, Y14
	VPCMPEQB Y13, Y13, Y13

	// R12 counts streams beyond their limit.
	XORL R12, R12
limits:
	MOVQ packedStream_at(R11), SI
	CMPQ packedStream_limit(R11), SI
	ADCL $0, R12
	ADDQ $packedStream__size, R11
	CMPQ R11, DI
	JNE limits

jobs:
	TESTL R12, R12
	JNE done
	CMPQ R8, R9
	JGE done
	MOVQ streams+0(FP), R11

block:
	MOVQ     packedStream_at(R11), SI
	PREFETCHT0 512(SI) // fetchBytes
	MOVBLZX  (SI), AX
	MOVQ     spreads_groups(R13)(AX*8), DX
	MOVQ     1(SI), R15
	PDEPQ    DX, R15, R15
	POPCNTL  AX, AX
	LEAQ     1(SI)(AX*1), SI
	MOVL     R15, BX
	ANDL     $1, BX
	MOVWLZX  (SI), R14
	MOVL     BX, DX
	XORL     $1, DX
	SHLL     $3, DX
	SHLXL    DX, R14, R14
	MOVWLSX  R14, R14
	SARXL    DX, R14, R14
	LEAQ     1(SI)(BX*1), SI
	ANDQ     $-2, R15
	MOVQ     R15, MASK(SP)
	POPCNTQ  R15, CX
	MOVQ     CX, COUNT(SP)
	MOVQ     (SI), BX
	PDEPQ    R15, BX, BX
	MOVQ     BX, SIGNS(SP)
	MOVQ     CX, BX
	SHRQ     $3, BX
	MOVQ     (SI)(BX*1), AX
	MOVQ     8(SI)(BX*1), BX
	MOVL     CX, DX
	ANDL     $7, DX
	SHRXQ    DX, AX, AX
	XORL     $63, DX
	ADDQ     BX, BX
	SHLXQ    DX, BX, BX
	ORQ      BX, AX
	BZHIQ    CX, AX, AX
	MOVQ     AX, STRING(SP)
	MOVQ     $0, WIDE(SP)
	ADDQ     CX, CX
	MOVQ     CX, R15
	SHRQ     $3, R15
	ADDQ     SI, R15
	MOVL     CX, DX
	ANDL     $7, DX
	POPCNTQ  AX, AX
	MOVQ     job_pred(R8), BX
	MOVQ     (R10)(BX*2), BX
	IMULQ    unpackTable_width(BX), AX
	LEAQ     7(AX)(CX*1), AX
	SHRQ     $3, AX
	ADDQ     AX, SI
	MOVQ     unpackTable_width(BX), CX
	FOURQUADS
	VPBROADCASTB unpackTable_top(BX), Y4
	VPCMPEQB Y4, Y0, Y1
	VPADDB   Y14, Y0, Y0
	VMOVDQU  Y0, BIGS(SP)
	POPCNTQ  STRING(SP), AX
	CMPQ     AX, $32
	JHI      many
	VPMOVMSKB Y1, DX
few:
	POPCNTQ  STRING(SP), CX
	BZHIQ    CX, DX, DX
	JEQ      noOver
	MOVQ     DX, OVER(SP)
	XORL     CX, CX
	OVERS(SI, 0)
	SHRQ     $32, DX
	JNE      manyOver
fewOver:
	ADDQ     CX, SI
noOver:
	XORL     CX, CX
	MAGNITUDES(0)
	CMPQ     COUNT(SP), $32
	JHI      many2
few2:
	MOVQ     job_off(R8), R15
	ADDQ     packedStream_coef(R11), R15
	XORL     CX, CX
	PLACE(0)
	PLACE(1)
	PLACE(2)
	PLACE(3)
	PLACE(4)
	PLACE(5)
	PLACE(6)
	PLACE(7)
	MOVQ     job_pred(R8), BX
	ADDL     packedStream_pred(R11)(BX*1), R14
	MOVL     R14, packedStream_pred(R11)(BX*1)
	MOVW     R14, (R15)
	MOVQ     WIDE(SP), DX
	TESTQ    DX, DX
	JEQ      next
fix:
	TZCNTQ   DX, CX
	MOVL     $1, BX
	SHLXQ    CX, BX, BX
	MOVQ     STRING(SP), AX
	PDEPQ    MASK(SP), AX, AX
	PDEPQ    AX, BX, BX
	TZCNTQ   BX, CX
	MOVWLZX  (SI), R14
	ADDQ     $2, SI
	MOVQ     SIGNS(SP), BX
	SHRXQ    CX, BX, BX
	ANDL     $1, BX
	NEGL     BX
	XORL     BX, R14
	SUBL     BX, R14
	LEAQ     ·natural(SB), BX
	MOVBLZX  (BX)(CX*1), CX
	MOVW     R14, (R15)(CX*2)
	BLSRQ    DX, DX
	JNE      fix
next:
	MOVQ SI, packedStream_at(R11)
	CMPQ packedStream_limit(R11), SI
	ADCL $0, R12
	ADDQ $packedStream__size, R11
	CMPQ R11, DI
	JNE block
	ADDQ $job__size, R8
	JMP jobs

many:
	// More than 32 bigs. R15, DX, CX and BX are as FOURQUADS left them.
	VPMOVMSKB Y1, AX
	VMOVQ    AX, X2
	FOURQUADS
	VPCMPEQB Y4, Y0, Y1
	VPADDB   Y14, Y0, Y0
	VMOVDQU  Y0, (BIGS+32)(SP)
	VPMOVMSKB Y1, DX
	SHLQ     $32, DX
	VMOVQ    X2, AX
	ORQ      AX, DX
	JMP      few

manyOver:
	OVERS(SI, 4)
	JMP fewOver

many2:
	MAGNITUDES(4)
	JMP few2

done:
	SUBQ jobs+16(FP), R8
	SHRQ $5, R8
	MOVQ R8, ret+40(FP)
	VZEROUPPER
	RET
