//go:build !noasm

#include "go_asm.h"
#include "textflag.h"

DATA unpackOnes<>+0(SB)/4, $0x01010101
GLOBL unpackOnes<>(SB), RODATA|NOPTR, $4
DATA unpackTwos<>+0(SB)/4, $0x02020202
GLOBL unpackTwos<>(SB), RODATA|NOPTR, $4

// func unpackAVX512(streams *packedStream, n int, jobs *job, count int, tables *[4]*unpackTable) int
//
// A block's own bytes tell where the next one begins, 50 cycles later; blocks of
// other streams fill the time.
//
// Registers: R8 the job, R9 the end of the jobs, R10 the tables, R13 groupBytes;
// R11 the stream, DI the end of the streams, SI the place in it, R14 its DC
// difference. Z31 holds bytes of 1, Z30 of 2, Z29 of 255, Z28 zero, Z27 byteOrder.
TEXT ·unpackAVX512(SB), NOSPLIT, $0-48
	MOVQ streams+0(FP), R11
	MOVQ n+8(FP), DI
	IMULQ $packedStream__size, DI
	ADDQ R11, DI
	MOVQ jobs+16(FP), R8
	MOVQ count+24(FP), R9
	SHLQ $5, R9
	ADDQ R8, R9
	MOVQ tables+32(FP), R10
	LEAQ ·groupBytes(SB), R13
	VPBROADCASTD unpackOnes<>(SB), Z31
	VPBROADCASTD unpackTwos<>(SB), Z30
	VPTERNLOGD $0xFF, Z29, Z29, Z29
	VPXORQ Z28, Z28, Z28
	VMOVDQU64 ·byteOrder(SB), Z27

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
	// Which coefficients there are, to K1 and R15, and the DC difference.
	MOVQ packedStream_at(R11), SI
	PREFETCHT0 512(SI) // fetchBytes
	MOVBLZX (SI), AX
	MOVQ (R13)(AX*8), DX
	MOVQ 1(SI), R15
	PDEPQ DX, R15, R15
	POPCNTL AX, AX
	LEAQ 1(SI)(AX*1), SI
	MOVL R15, BX
	MOVBLSX (SI), R14
	MOVWLSX (SI), DX
	ANDL $1, BX
	CMOVLNE DX, R14
	LEAQ 1(SI)(BX*1), SI
	ANDQ $-2, R15
	KMOVQ R15, K1
	POPCNTQ R15, CX

	// Which of them are negative, to K2, and exceed 1, to K3; AX is how many do.
	MOVQ (SI), AX
	MOVQ 8(SI), BX
	PDEPQ R15, AX, DX
	KMOVQ DX, K2
	SHRQ CX, BX, AX
	PDEPQ R15, AX, AX
	KMOVQ AX, K3
	POPCNTQ AX, AX

	// Their magnitudes less 2, to Z0, as far as they fit.
	ADDQ CX, CX
	MOVQ CX, BX
	SHRQ $3, BX
	VMOVDQU64 (SI)(BX*1), Z0
	MOVL CX, DX
	ANDL $7, DX
	SHLL $6, DX
	MOVQ job_pred(R8), BX
	MOVQ (R10)(BX*2), BX
	VMOVDQU64 unpackTable_gather(BX), Z2
	VPERMB Z0, Z2, Z0
	VMOVDQU64 unpackTable_shift(BX)(DX*1), Z1
	VPMULTISHIFTQB Z0, Z1, Z0
	VPBROADCASTQ unpackTable_spread(BX), Z2
	VPANDQ Z2, Z0, Z0
	MOVQ unpackTable_width(BX), DX
	IMULQ AX, DX
	LEAQ 7(DX)(CX*1), DX
	SHRQ $3, DX
	ADDQ DX, SI

	// What follows of those that do not.
	MOVQ $-1, R15
	BZHIQ AX, R15, R15
	KMOVQ R15, K4
	VPCMPEQB Z2, Z0, K4, K4
	KMOVQ K4, DX
	VMOVDQU64 (SI), Z2
	VPEXPANDB.Z Z2, K4, Z2
	VPCMPEQB Z29, Z2, K5
	POPCNTQ DX, DX
	ADDQ DX, SI
	VPADDB Z2, Z0, Z0
	VPADDB Z30, Z0, Z0
	VPMAXUB Z31, Z0, Z0

	// All values as words: the lower bytes to Z3, the upper, which are signs, to Z4.
	VMOVDQU8.Z Z31, K1, Z3
	VPEXPANDB Z0, K3, Z3
	VPSUBB Z3, Z28, K2, Z3
	VPMOVM2B K2, Z4
	VPERMB Z3, Z27, Z3
	VPERMB Z4, Z27, Z4
	VPUNPCKLBW Z4, Z3, Z5
	VPUNPCKHBW Z4, Z3, Z6
	MOVQ job_off(R8), R15
	ADDQ packedStream_coef(R11), R15
	VMOVDQU64 Z5, (R15)
	VMOVDQU64 Z6, 64(R15)
	MOVQ job_pred(R8), BX
	ADDL packedStream_pred(R11)(BX*1), R14
	MOVL R14, packedStream_pred(R11)(BX*1)
	MOVW R14, (R15)
	KORTESTQ K5, K5
	JNE wide

next:
	MOVQ SI, packedStream_at(R11)
	CMPQ packedStream_limit(R11), SI
	ADCL $0, R12
	ADDQ $packedStream__size, R11
	CMPQ R11, DI
	JNE block
	ADDQ $job__size, R8
	JMP jobs

wide:
	// Values that come in two bytes.
	KMOVQ K5, DX
	KMOVQ K3, AX

each:
	TZCNTQ DX, CX
	MOVL $1, BX
	SHLXQ CX, BX, BX
	PDEPQ AX, BX, BX
	TZCNTQ BX, CX
	MOVWLZX (SI), R14
	ADDQ $2, SI
	KMOVQ K2, BX
	SHRXQ CX, BX, BX
	ANDL $1, BX
	NEGL BX
	XORL BX, R14
	SUBL BX, R14
	LEAQ ·natural(SB), BX
	MOVBLZX (BX)(CX*1), CX
	MOVW R14, (R15)(CX*2)
	BLSRQ DX, DX
	JNE each
	JMP next

done:
	SUBQ jobs+16(FP), R8
	SHRQ $5, R8
	MOVQ R8, ret+40(FP)
	VZEROUPPER
	RET

// func fetch512(p *byte)
TEXT ·fetch512(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	PREFETCHT0 128(AX)
	PREFETCHT0 192(AX)
	PREFETCHT0 256(AX)
	PREFETCHT0 320(AX)
	PREFETCHT0 384(AX)
	PREFETCHT0 448(AX)
	RET
