//go:build !noasm

#include "textflag.h"

// func widenAVX2(dst *int32, src *uint16, n int)
//
// n at least 16. The last 16 come first and may overlap those before, so that no
// rest is left over.
TEXT ·widenAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	VPMOVZXWD -32(SI)(CX*2), Y0
	VPMOVZXWD -16(SI)(CX*2), Y1
	VMOVDQU Y0, -64(DI)(CX*4)
	VMOVDQU Y1, -32(DI)(CX*4)
	SUBQ $16, CX
	JLE done
more:
	VPMOVZXWD (SI), Y0
	VPMOVZXWD 16(SI), Y1
	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	ADDQ $32, SI
	ADDQ $64, DI
	SUBQ $16, CX
	JGT more
done:
	VZEROUPPER
	RET

// func fillAVX2(dst *int32, n int, v int32)
//
// n at least 8; the last 8 may overlap those before.
TEXT ·fillAVX2(SB), NOSPLIT, $0-20
	MOVQ dst+0(FP), DI
	MOVQ n+8(FP), CX
	MOVL v+16(FP), AX
	MOVD AX, X0
	VPBROADCASTD X0, Y0
	VMOVDQU Y0, -32(DI)(CX*4)
	SUBQ $16, CX
	JLT rest
more:
	VMOVDQU Y0, (DI)
	VMOVDQU Y0, 32(DI)
	ADDQ $64, DI
	SUBQ $16, CX
	JGE more
rest:
	TESTQ $8, CX
	JZ done
	VMOVDQU Y0, (DI)
done:
	VZEROUPPER
	RET

// func prefetchLines(p *byte, n int)
//
// n at least 1: the lines from p on.
TEXT ·prefetchLines(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	ADDQ SI, CX
	ANDQ $-64, SI
more:
	PREFETCHT0 (SI)
	ADDQ $64, SI
	CMPQ SI, CX
	JLT more
	RET
