//go:build !noasm

#include "go_asm.h"
#include "textflag.h"

DATA axisHalf<>+0(SB)/8, $0.5
GLOBL axisHalf<>(SB), RODATA|NOPTR, $8
DATA axisOne<>+0(SB)/8, $1.0
GLOBL axisOne<>(SB), RODATA|NOPTR, $8
DATA axisUnit<>+0(SB)/8, $4194304.0
GLOBL axisUnit<>(SB), RODATA|NOPTR, $8
DATA axisMagnitude<>+0(SB)/8, $0x7fffffffffffffff
GLOBL axisMagnitude<>(SB), RODATA|NOPTR, $8
DATA axisLanes<>+0(SB)/4, $0
DATA axisLanes<>+4(SB)/4, $1
DATA axisLanes<>+8(SB)/4, $2
DATA axisLanes<>+12(SB)/4, $3
DATA axisLanes<>+16(SB)/4, $4
DATA axisLanes<>+20(SB)/4, $5
DATA axisLanes<>+24(SB)/4, $6
DATA axisLanes<>+28(SB)/4, $7
GLOBL axisLanes<>(SB), RODATA|NOPTR, $32

// func trianglesAVX512(t *triangleAxis)
//
// Eight output pixels at a time, one in each lane, in the order of the operations
// of reach, triangles and fixed, which decides how they round.
TEXT ·trianglesAVX512(SB), NOSPLIT, $0-8
	MOVQ t+0(FP), SI
	MOVQ triangleAxis_n(SI), CX
	MOVQ triangleAxis_taps(SI), R9
	MOVQ triangleAxis_first(SI), DI
	MOVQ triangleAxis_count(SI), DX
	MOVQ triangleAxis_coef(SI), R8
	MOVQ triangleAxis_scratch(SI), R10
	VBROADCASTSD axisHalf<>(SB), Z31
	VBROADCASTSD axisOne<>(SB), Z30
	VBROADCASTSD axisUnit<>(SB), Z29
	VPBROADCASTQ axisMagnitude<>(SB), Z28
	VBROADCASTSD triangleAxis_lo(SI), Z27
	VBROADCASTSD triangleAxis_scale(SI), Z26
	VBROADCASTSD triangleAxis_support(SI), Z25
	VBROADCASTSD triangleAxis_squeeze(SI), Z24
	VPBROADCASTD triangleAxis_size(SI), Y23
	VPXORQ Z22, Z22, Z22
	VPXORQ Z20, Z20, Z20            // Y20: the largest counts

	// Z21: the numbers of the output pixels; Z19: from one vector to the next.
	VMOVDQU axisLanes<>(SB), Y0
	VCVTDQ2PD Y0, Z1
	VBROADCASTSD triangleAxis_step(SI), Z19
	VMULPD Z19, Z1, Z1
	VBROADCASTSD triangleAxis_from(SI), Z21
	VADDPD Z1, Z21, Z21
	VADDPD Z19, Z19, Z19
	VADDPD Z19, Z19, Z19
	VADDPD Z19, Z19, Z19

	// Y18: where in coef the lanes' pixels begin.
	VMOVQ R9, X1
	VPBROADCASTD X1, Y1
	VPMULLD Y1, Y0, Y18
	VPTERNLOGD $0xFF, Y17, Y17, Y17 // Y17: -1

pixels:
	// K1: the lanes in use.
	MOVL $255, AX
	CMPQ CX, $8
	JGE whole
	BZHIL CX, AX, AX
whole:
	KMOVW AX, K1

	VADDPD Z31, Z21, Z0
	VMULPD Z26, Z0, Z0
	VADDPD Z27, Z0, Z0              // centre
	VSUBPD Z25, Z0, Z1
	VADDPD Z31, Z1, Z1
	VCVTTPD2DQ Z1, Y1
	VPMAXSD Y22, Y1, Y1             // first
	VADDPD Z25, Z0, Z2
	VADDPD Z31, Z2, Z2
	VCVTTPD2DQ Z2, Y2
	VPMINSD Y23, Y2, Y2
	VPSUBD Y1, Y2, Y2               // count
	VMOVDQU32 Y1, K1, (DI)
	VMOVDQU32 Y2, K1, (DX)
	VPMAXSD Y2, Y20, K1, Y20
	VCVTDQ2PD Y1, Z1
	VSUBPD Z1, Z0, Z0               // centre from first

	VPXORQ Z3, Z3, Z3               // sum
	VPXORQ Z4, Z4, Z4               // tap
	VPXOR Y5, Y5, Y5                // the same as int32
	MOVQ R10, R11
	MOVQ R9, BX

weight:
	VSUBPD Z0, Z4, Z6
	VADDPD Z31, Z6, Z6
	VMULPD Z24, Z6, Z6
	VPANDQ Z28, Z6, Z6
	VSUBPD Z6, Z30, Z6
	VPCMPGTD Y5, Y2, K2
	VMAXPD.Z Z22, Z6, K2, Z6
	VADDPD Z6, Z3, Z3
	VMOVUPD Z6, (R11)
	VADDPD Z30, Z4, Z4
	VPSUBD Y17, Y5, Y5
	ADDQ $64, R11
	DECQ BX
	JNZ weight

	VCMPPD $0, Z22, Z3, K2
	VMOVAPD Z30, K2, Z3             // 1 for a sum of 0
	MOVQ R10, R11
	MOVQ R8, R12
	MOVQ R9, BX

coefficient:
	VMOVUPD (R11), Z6
	VDIVPD Z3, Z6, Z6
	VMULPD Z29, Z6, Z6
	VADDPD Z31, Z6, Z6
	VCVTTPD2DQ Z6, Y6
	KMOVW K1, K2
	VPSCATTERDD Y6, K2, (R12)(Y18*4)
	ADDQ $64, R11
	ADDQ $4, R12
	DECQ BX
	JNZ coefficient

	VADDPD Z19, Z21, Z21
	ADDQ $32, DI
	ADDQ $32, DX
	MOVQ R9, AX
	SHLQ $5, AX
	ADDQ AX, R8
	SUBQ $8, CX
	JG pixels

	VEXTRACTI32X4 $1, Y20, X0
	VPMAXSD X0, X20, X0
	VPSHUFD $0x4E, X0, X1
	VPMAXSD X1, X0, X0
	VPSHUFD $0xB1, X0, X1
	VPMAXSD X1, X0, X0
	VMOVD X0, AX
	MOVQ AX, triangleAxis_most(SI)
	VZEROUPPER
	RET
