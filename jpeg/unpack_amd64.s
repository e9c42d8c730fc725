//go:build !noasm

#include "go_asm.h"
#include "textflag.h"

// UNPACK512 unpacks the block at P of the packedStream S for the job at R8.
// Registers: R9 the end of the jobs, R10 the unpackTables, R13 groupBytes. Z31
// holds bytes of 1, Z30 of 2, Z29 of 255, Z28 zero, Z27 and Z26 the natural
// order. Clobbers AX, BX, CX, DX, R14, R15, Z0..Z7, K1..K6. WIDE and DONE are
// labels for values that come in two bytes.
#define UNPACK512(P, S, WIDE, DONE) \
	MOVBLZX  (P), AX                      \
	MOVQ     (R13)(AX*8), DX              \
	MOVQ     1(P), R15                    \
	PDEPQ    DX, R15, R15                 \
	POPCNTL  AX, AX                       \
	LEAQ     1(P)(AX*1), P                \
	MOVL     R15, BX                      \
	ANDL     $1, BX                       \
	MOVWLZX  (P), R14                     \
	MOVL     BX, DX                       \
	XORL     $1, DX                       \
	SHLL     $3, DX                       \
	SHLXL    DX, R14, R14                 \
	MOVWLSX  R14, R14                     \
	SARXL    DX, R14, R14                 \
	LEAQ     1(P)(BX*1), P                \
	ANDQ     $-2, R15                     \
	KMOVQ    R15, K1                      \
	POPCNTQ  R15, CX                      \
	MOVQ     (P), BX                      \
	PDEPQ    R15, BX, BX                  \
	KMOVQ    BX, K2                       \
	MOVQ     CX, BX                       \
	SHRQ     $3, BX                       \
	MOVQ     (P)(BX*1), AX                \
	MOVQ     8(P)(BX*1), BX               \
	MOVL     CX, DX                       \
	ANDL     $7, DX                       \
	SHRXQ    DX, AX, AX                   \
	XORL     $63, DX                      \
	ADDQ     BX, BX                       \
	SHLXQ    DX, BX, BX                   \
	ORQ      BX, AX                       \
	PDEPQ    R15, AX, AX                  \
	KMOVQ    AX, K3                       \
	POPCNTQ  AX, AX                       \
	ADDQ     CX, CX                       \
	MOVQ     CX, BX                       \
	SHRQ     $3, BX                       \
	VMOVDQU64 (P)(BX*1), Z0               \
	MOVL     CX, BX                       \
	ANDL     $7, BX                       \
	VPBROADCASTB BX, Z1                   \
	MOVQ     job_pred(R8), BX             \
	IMULQ    $(unpackTable__size/4), BX   \
	ADDQ     R10, BX                      \
	VMOVDQU64 unpackTable_gather(BX), Z2  \
	VPERMB   Z0, Z2, Z0                   \
	VPADDB   unpackTable_shift(BX), Z1, Z1 \
	VPMULTISHIFTQB Z0, Z1, Z0             \
	VPBROADCASTB unpackTable_top(BX), Z2  \
	VPANDQ   Z2, Z0, Z0                   \
	VPCMPEQB Z2, Z0, K4                   \
	MOVQ     unpackTable_width(BX), DX    \
	IMULQ    AX, DX                       \
	LEAQ     7(DX)(CX*1), DX              \
	SHRQ     $3, DX                       \
	ADDQ     DX, P                        \
	KMOVQ    K4, DX                       \
	BZHIQ    AX, DX, DX                   \
	KMOVQ    DX, K4                       \
	VMOVDQU64 (P), Z2                     \
	VPEXPANDB.Z Z2, K4, Z2                \
	VPCMPEQB Z29, Z2, K5                  \
	POPCNTQ  DX, DX                       \
	ADDQ     DX, P                        \
	VPADDB   Z2, Z0, Z0                   \
	VPADDB   Z30, Z0, Z0                  \
	VMOVDQU8.Z Z31, K1, Z3                \
	VPEXPANDB Z0, K3, Z3                  \
	VPMOVZXBW Y3, Z4                      \
	VEXTRACTI64X4 $1, Z3, Y5              \
	VPMOVZXBW Y5, Z5                      \
	VPSUBW   Z4, Z28, K2, Z4              \
	KSHIFTRQ $32, K2, K6                  \
	VPSUBW   Z5, Z28, K6, Z5              \
	VMOVDQA64 Z27, Z6                     \
	VMOVDQA64 Z26, Z7                     \
	VPERMI2W Z5, Z4, Z6                   \
	VPERMI2W Z5, Z4, Z7                   \
	MOVQ     job_off(R8), R15             \
	ADDQ     packedStream_coef(S), R15    \
	VMOVDQU64 Z6, (R15)                   \
	VMOVDQU64 Z7, 64(R15)                 \
	MOVQ     job_pred(R8), BX             \
	ADDL     packedStream_pred(S)(BX*1), R14 \
	MOVL     R14, packedStream_pred(S)(BX*1) \
	MOVW     R14, (R15)                   \
	KMOVQ    K5, DX                       \
	TESTQ    DX, DX                       \
	JEQ      DONE                         \
	KMOVQ    K3, AX                       \
WIDE: \
	TZCNTQ   DX, CX                       \
	MOVL     $1, BX                       \
	SHLXQ    CX, BX, BX                   \
	PDEPQ    AX, BX, BX                   \
	TZCNTQ   BX, CX                       \
	MOVWLZX  (P), R14                     \
	ADDQ     $2, P                        \
	KMOVQ    K2, BX                       \
	SHRXQ    CX, BX, BX                   \
	ANDL     $1, BX                       \
	NEGL     BX                           \
	XORL     BX, R14                      \
	SUBL     BX, R14                      \
	LEAQ     ·natural(SB), BX             \
	MOVBLZX  (BX)(CX*1), CX               \
	MOVW     R14, (R15)(CX*2)             \
	BLSRQ    DX, DX                       \
	JNE      WIDE                         \
DONE:

DATA unpackOnes<>+0(SB)/4, $0x01010101
GLOBL unpackOnes<>(SB), RODATA|NOPTR, $4
DATA unpackTwos<>+0(SB)/4, $0x02020202
GLOBL unpackTwos<>(SB), RODATA|NOPTR, $4

#define CONSTANTS512 \
	MOVQ jobs+16(FP), R8                  \
	MOVQ n+24(FP), R9                     \
	SHLQ $5, R9                           \
	ADDQ R8, R9                           \
	MOVQ tables+32(FP), R10               \
	LEAQ ·groupBytes(SB), R13             \
	VPBROADCASTD unpackOnes<>(SB), Z31    \
	VPBROADCASTD unpackTwos<>(SB), Z30    \
	VPTERNLOGD $0xFF, Z29, Z29, Z29       \
	VPXORQ Z28, Z28, Z28                  \
	VMOVDQU64 ·wordOrder(SB), Z27         \
	VMOVDQU64 ·wordOrder+64(SB), Z26

// func unpackTwoAVX512(a, b *packedStream, jobs *job, n int, tables *[4]unpackTable) int
TEXT ·unpackTwoAVX512(SB), NOSPLIT, $0-48
	CONSTANTS512
	MOVQ a+0(FP), R11
	MOVQ b+8(FP), R12
	MOVQ packedStream_at(R11), SI
	MOVQ packedStream_at(R12), DI

blocks:
	CMPQ R8, R9
	JGE  done
	CMPQ SI, packedStream_limit(R11)
	JHI  done
	CMPQ DI, packedStream_limit(R12)
	JHI  done
	UNPACK512(SI, R11, wideA, doneA)
	UNPACK512(DI, R12, wideB, doneB)
	ADDQ $job__size, R8
	JMP  blocks

done:
	MOVQ SI, packedStream_at(R11)
	MOVQ DI, packedStream_at(R12)
	SUBQ jobs+16(FP), R8
	SHRQ $5, R8
	MOVQ R8, ret+40(FP)
	VZEROUPPER
	RET
