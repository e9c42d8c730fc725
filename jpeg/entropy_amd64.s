//go:build !noasm

#include "go_asm.h"
#include "textflag.h"

// Both kernels keep, of each stream, the place k in zigzag order less 63 (so
// that the end of a block is a sign), the address of the block, and the address
// T of the lookup table, whose layout huffman.go describes. AX holds an entry,
// so that AL is its length and AH its step.

#define SLOWBIT 0x80

// FIND looks up the entry of a code longer than lookBits: the window is in W,
// the entry goes to AX. Clobbers DX and S.
#define FIND(W, T, S, LOOP, FOUND, BAD) \
	MOVQ W, AX                            \
	SHRQ $48, AX                          \
	MOVL $(const_lookBits+1), DX          \
LOOP: \
	CMPL AX, lookup_limit(T)(DX*4)        \
	JCS  FOUND                            \
	INCL DX                               \
	CMPL DX, $17                          \
	JLT  LOOP                             \
	JMP  BAD                              \
FOUND: \
	MOVL $16, S                           \
	SUBL DX, S                            \
	SHRXL S, AX, AX                       \
	ADDL lookup_first(T)(DX*4), AX        \
	MOVBLZX AL, AX                        \
	MOVL lookup_long(T)(AX*4), AX

// VALUE extracts the value that follows the code of the slow entry AX at the
// top of W into W. DX becomes the length of the value less 63, negated. Clobbers
// S. The caller counts the bits.
#define VALUE(W, S) \
	MOVL AX, DX                           \
	ANDL $63, DX                          \
	SHLXQ DX, W, W                        \
	MOVL AX, DX                           \
	SHRL $16, DX                          \
	XORL $63, DX                          \
	MOVQ W, S                             \
	SARQ $63, S                           \
	NOTQ S                                \
	SHRQ $1, S                            \
	SHRXQ DX, S, S                        \
	SHRQ $1, W                            \
	SHRXQ DX, W, W                        \
	SUBQ S, W

// One stream: SI the stream, R8 the bits at hand, left-aligned, R9 their number,
// R10 the next byte, R11 k, R12 the block, R13 the table.

// REFILL brings the bits at hand to 56 at least. A byte may be or'ed in twice,
// which changes nothing.
#define REFILL \
	MOVQ   (R10), DX                      \
	BSWAPQ DX                             \
	SHRXQ  R9, DX, DX                     \
	ORQ    DX, R8                         \
	MOVL   R9, DX                         \
	XORL   $63, DX                        \
	SHRL   $3, DX                         \
	ADDQ   DX, R10                        \
	ORL    $56, R9

#define SYMBOL1 \
	MOVQ    R8, DX                        \
	SHRQ    $(64-const_lookBits), DX      \
	MOVL    (R13)(DX*4), AX               \
	TESTB   $SLOWBIT, AX                  \
	JNE     slow                          \
	SHLXQ   AX, R8, R8                    \
	MOVBLZX AL, DX                        \
	SUBL    DX, R9                        \
	MOVBLZX AH, DX                        \
	SHRL    $16, AX                       \
	ADDQ    DX, R11                       \
	MOVBLZX (lookup_place+63)(R13)(R11*1), DX \
	MOVW    AX, (R12)(DX*2)               \
	JPL     next

// func runOneBMI2(s *stream)
TEXT ·runOneBMI2(SB), NOSPLIT, $0-8
	MOVQ s+0(FP), SI
	MOVQ stream_pos(SI), CX
	MOVQ CX, R10
	SHRQ $3, R10
	ADDQ stream_data(SI), R10
	XORL R8, R8
	XORL R9, R9
	REFILL
	ANDL $7, CX
	SHLXQ CX, R8, R8
	SUBL CX, R9
	MOVQ stream_k(SI), R11
	MOVQ stream_block(SI), R12
	MOVQ stream_table(SI), R13
	TESTQ R11, R11
	JPL  next

coefficients:
	// Four entries of at most 11 bits fit in the 56.
	REFILL
	SYMBOL1
	SYMBOL1
	SYMBOL1
	SYMBOL1
	JMP coefficients

slow:
	REFILL
	TESTL $63, AX
	JNE known
	FIND(R8, R13, BX, search, found, bad)

known:
	MOVQ R8, DI
	VALUE(DI, BX)
	XORL $63, DX
	MOVL AX, BX
	ANDL $63, BX
	ADDL DX, BX
	SHLXQ BX, R8, R8
	SUBL BX, R9
	MOVBLZX AH, DX
	ADDQ DX, R11
	MOVBLZX (lookup_place+63)(R13)(R11*1), DX
	MOVW DI, (R12)(DX*2)
	TESTQ R11, R11
	JMI coefficients

next:
	MOVQ stream_at(SI), CX
	INCQ CX
	CMPQ CX, (stream_jobs+8)(SI)
	JGE done
	MOVQ R10, DX
	SUBQ stream_data(SI), DX
	SHLQ $3, DX
	SUBQ R9, DX
	CMPQ DX, stream_end(SI)
	JGT done
	MOVQ CX, stream_at(SI)
	SHLQ $5, CX
	ADDQ stream_jobs(SI), CX
	REFILL
	MOVQ job_dc(CX), R13
	MOVQ R8, DX
	SHRQ $(64-const_lookBits), DX
	MOVL (R13)(DX*4), AX
	TESTB $SLOWBIT, AX
	JNE slowDC
	SHLXQ AX, R8, R8
	MOVBLZX AL, DX
	SUBL DX, R9
	SARL $16, AX

predict:
	MOVQ job_pred(CX), DX
	ADDL stream_pred(SI)(DX*1), AX
	MOVL AX, stream_pred(SI)(DX*1)
	MOVQ job_off(CX), R12
	ADDQ stream_coef(SI), R12
	MOVW AX, (R12)
	MOVQ job_ac(CX), R13
	MOVQ $-63, R11
	JMP coefficients

slowDC:
	TESTL $63, AX
	JNE knownDC
	FIND(R8, R13, BX, searchDC, foundDC, bad)

knownDC:
	MOVQ R8, DI
	VALUE(DI, BX)
	XORL $63, DX
	ANDL $63, AX
	ADDL DX, AX
	SHLXQ AX, R8, R8
	SUBL AX, R9
	MOVL DI, AX
	JMP predict

bad:
	MOVQ stream_end(SI), DX
	ADDQ $8, DX
	JMP leave

done:
	MOVQ R10, DX
	SUBQ stream_data(SI), DX
	SHLQ $3, DX
	SUBQ R9, DX

leave:
	MOVQ DX, stream_pos(SI)
	MOVQ $0, stream_k(SI)
	RET

// Three streams, each with the address of its next bit, times eight, in P, and
// its k, block B and table T. The entries of the three overlap in the processor;
// BX holds the window of the one in turn.

#define WINDOW(P, TMP) \
	MOVQ   P, TMP                         \
	SHRQ   $3, TMP                        \
	MOVQ   (TMP), BX                      \
	MOVL   P, TMP                         \
	BSWAPQ BX                             \
	ANDL   $7, TMP                        \
	SHLXQ  TMP, BX, BX

#define SYMBOL3(P, K, B, T, SLOW, NEXT) \
	MOVQ    BX, DX                        \
	SHRQ    $(64-const_lookBits), DX      \
	MOVL    (T)(DX*4), AX                 \
	TESTB   $SLOWBIT, AX                  \
	JNE     SLOW                          \
	SHLXQ   AX, BX, BX                    \
	MOVBLZX AL, DX                        \
	ADDQ    DX, P                         \
	MOVBLZX AH, DX                        \
	SHRL    $16, AX                       \
	ADDQ    DX, K                         \
	MOVBLZX (lookup_place+63)(T)(K*1), DX \
	MOVW    AX, (B)(DX*2)                 \
	JPL     NEXT

// ENTER loads the state of stream S. END becomes the address of its last bit.
#define ENTER(S, P, K, B, T, END) \
	MOVQ S, DX                            \
	MOVQ stream_data(DX), P               \
	SHLQ $3, P                            \
	MOVQ P, AX                            \
	ADDQ stream_end(DX), AX               \
	MOVQ AX, END                          \
	ADDQ stream_pos(DX), P                \
	MOVQ stream_k(DX), K                  \
	MOVQ stream_block(DX), B              \
	MOVQ stream_table(DX), T

#define LEAVE(S, P, K, B, T) \
	MOVQ S, DX                            \
	MOVQ stream_data(DX), AX              \
	SHLQ $3, AX                           \
	SUBQ AX, P                            \
	MOVQ P, stream_pos(DX)                \
	MOVQ K, stream_k(DX)                  \
	MOVQ B, stream_block(DX)              \
	MOVQ T, stream_table(DX)

// BLOCK begins the next block of a stream, or ends the kernel. K is the address
// of the job meanwhile.
#define BLOCK(S, P, K, B, T, END, SLOWDC, PREDICT, CONTINUE) \
	MOVQ S, DX                            \
	MOVQ stream_at(DX), K                 \
	INCQ K                                \
	CMPQ K, (stream_jobs+8)(DX)           \
	JGE  leave                            \
	CMPQ P, END                           \
	JGT  leave                            \
	MOVQ K, stream_at(DX)                 \
	SHLQ $5, K                            \
	ADDQ stream_jobs(DX), K               \
	WINDOW(P, AX)                         \
	MOVQ job_dc(K), T                     \
	MOVQ BX, AX                           \
	SHRQ $(64-const_lookBits), AX         \
	MOVL (T)(AX*4), AX                    \
	TESTB $SLOWBIT, AX                    \
	JNE  SLOWDC                           \
	MOVBLZX AL, BX                        \
	ADDQ BX, P                            \
	SARL $16, AX                          \
PREDICT: \
	MOVQ job_pred(K), BX                  \
	ADDL stream_pred(DX)(BX*1), AX        \
	MOVL AX, stream_pred(DX)(BX*1)        \
	MOVQ job_off(K), B                    \
	ADDQ stream_coef(DX), B               \
	MOVW AX, (B)                          \
	MOVQ job_ac(K), T                     \
	MOVQ $-63, K                          \
	JMP  CONTINUE

// RAREBLOCK is the DC value of BLOCK where its entry AX is a slow one.
#define RAREBLOCK(S, P, K, B, T, END, SEARCH, FOUND, KNOWN, BAD, PREDICT) \
	TESTL $63, AX                         \
	JNE  KNOWN                            \
	FIND(BX, T, B, SEARCH, FOUND, BAD)    \
KNOWN: \
	VALUE(BX, B)                          \
	XORL $63, DX                          \
	ANDL $63, AX                          \
	ADDQ DX, P                            \
	ADDQ AX, P                            \
	MOVL BX, AX                           \
	MOVQ S, DX                            \
	JMP  PREDICT

// RARE is SYMBOL3 for a slow entry.
#define RARE(S, P, K, B, T, END, SEARCH, FOUND, KNOWN, BAD, NEXT, CONTINUE) \
	MOVQ B, block-8(SP)                   \
	WINDOW(P, DX)                         \
	TESTL $63, AX                         \
	JNE  KNOWN                            \
	FIND(BX, T, B, SEARCH, FOUND, BAD)    \
KNOWN: \
	VALUE(BX, B)                          \
	XORL $63, DX                          \
	ADDQ DX, P                            \
	MOVL AX, DX                           \
	ANDL $63, DX                          \
	ADDQ DX, P                            \
	MOVBLZX AH, DX                        \
	MOVQ block-8(SP), B                   \
	ADDQ DX, K                            \
	MOVBLZX (lookup_place+63)(T)(K*1), DX \
	MOVW BX, (B)(DX*2)                    \
	JPL  NEXT                             \
	JMP  CONTINUE                         \
BAD: \
	MOVQ END, P                           \
	ADDQ $8, P                            \
	XORL K, K                             \
	JMP  leave

// func runThreeBMI2(a, b, c *stream)
TEXT ·runThreeBMI2(SB), NOSPLIT, $32-24
	ENTER(a+0(FP), R8, R9, R10, R11, endA-16(SP))
	ENTER(b+8(FP), R12, R13, R14, R15, endB-24(SP))
	ENTER(c+16(FP), SI, DI, CX, BP, endC-32(SP))
	TESTQ R9, R9
	JPL  nextA

stepA:
	WINDOW(R8, DX)
	SYMBOL3(R8, R9, R10, R11, slowA, nextA)
	SYMBOL3(R8, R9, R10, R11, slowA, nextA)
	SYMBOL3(R8, R9, R10, R11, slowA, nextA)

stepB:
	TESTQ R13, R13
	JPL  nextB
	WINDOW(R12, DX)
	SYMBOL3(R12, R13, R14, R15, slowB, nextB)
	SYMBOL3(R12, R13, R14, R15, slowB, nextB)
	SYMBOL3(R12, R13, R14, R15, slowB, nextB)

stepC:
	TESTQ DI, DI
	JPL  nextC
	WINDOW(SI, DX)
	SYMBOL3(SI, DI, CX, BP, slowC, nextC)
	SYMBOL3(SI, DI, CX, BP, slowC, nextC)
	SYMBOL3(SI, DI, CX, BP, slowC, nextC)
	JMP  stepA

nextA:
	BLOCK(a+0(FP), R8, R9, R10, R11, endA-16(SP), slowDCA, predictA, stepB)

nextB:
	BLOCK(b+8(FP), R12, R13, R14, R15, endB-24(SP), slowDCB, predictB, stepC)

nextC:
	BLOCK(c+16(FP), SI, DI, CX, BP, endC-32(SP), slowDCC, predictC, stepA)

slowDCA:
	RAREBLOCK(a+0(FP), R8, R9, R10, R11, endA-16(SP), searchDCA, foundDCA, knownDCA, badA, predictA)

slowDCB:
	RAREBLOCK(b+8(FP), R12, R13, R14, R15, endB-24(SP), searchDCB, foundDCB, knownDCB, badB, predictB)

slowDCC:
	RAREBLOCK(c+16(FP), SI, DI, CX, BP, endC-32(SP), searchDCC, foundDCC, knownDCC, badC, predictC)

slowA:
	RARE(a+0(FP), R8, R9, R10, R11, endA-16(SP), searchA, foundA, knownA, badA, nextA, stepB)

slowB:
	RARE(b+8(FP), R12, R13, R14, R15, endB-24(SP), searchB, foundB, knownB, badB, nextB, stepC)

slowC:
	RARE(c+16(FP), SI, DI, CX, BP, endC-32(SP), searchC, foundC, knownC, badC, nextC, stepA)

leave:
	LEAVE(a+0(FP), R8, R9, R10, R11)
	LEAVE(b+8(FP), R12, R13, R14, R15)
	LEAVE(c+16(FP), SI, DI, CX, BP)
	RET
