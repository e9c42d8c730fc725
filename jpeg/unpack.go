package jpeg

import "unsafe"

// packedStream is a place in packed blocks and where to unpack them to. The
// assembly knows its layout.
type packedStream struct {
	at    unsafe.Pointer // next block
	limit uintptr        // the kernels leave blocks that begin beyond this to the generic code
	coef  *int16
	pred  [4]int32
}

// unpackTable tells the kernels about the magnitudes of one component: how to
// gather those of eight values in each quadword and to shift them into bytes.
type unpackTable struct {
	gather [64]uint8
	shift  [64]uint8
	spread uint64 // ones where the magnitudes of eight values belong
	width  uint64
	top    uint64 // the magnitude that does not fit
}

// kernelReach is how far from the beginning of a block the kernels read.
const kernelReach = 384

// wordOrder gathers a block in natural order from the packed order, for words.
//
//lint:ignore U1000 the assembly reads it
var wordOrder = func() (t [64]uint16) {
	for p := range t {
		t[p] = uint16(groupPlace(p))
	}
	return t
}()

func makeUnpackTable(width int) (t unpackTable) {
	t.width, t.top = uint64(width), 1<<width-1
	t.spread = t.top * 0x0101010101010101
	for i := range 64 {
		t.gather[i] = uint8(min(i/8*width+i%8, 63))
		t.shift[i] = uint8(i % 8 * width)
	}
	return t
}

// unpackRows unpacks the blocks of jobs for one row or two at a time. Chunks of
// all rows begin at their places in at, and have perChunk blocks.
func (x *recoded) unpackRows(jobs []job, at []int, perChunk int, coefs [][]int16) {
	for len(at) > 0 {
		n := 1
		if unpackTwo != nil && len(at) > 1 {
			n = 2
		}
		x.unpackChunks(jobs, at[:n], perChunk, coefs[:n])
		at, coefs = at[n:], coefs[n:]
	}
}

func (x *recoded) unpackChunks(jobs []job, at []int, perChunk int, coefs [][]int16) {
	for len(jobs) > 0 {
		n := min(perChunk, len(jobs))
		if len(at) == 2 && len(x.blocks) >= kernelReach {
			x.unpackPair(jobs[:n], at, coefs)
		} else {
			for i := range at {
				var pred [4]int32
				at[i] = x.unpackJobs(jobs[:n], at[i], &pred, coefs[i])
			}
		}
		jobs = jobs[n:]
	}
}

// unpackJobs is the generic code for one row.
func (x *recoded) unpackJobs(jobs []job, pos int, pred *[4]int32, coef []int16) int {
	for i := range jobs {
		j := &jobs[i]
		c := j.pred >> 2 & 3
		pos = unpackBlock(x.blocks, pos, (*[64]int16)(coef[j.off>>1:]), &pred[c], int(x.width[c]))
	}
	return pos
}

// unpackPair unpacks a chunk of two rows at once.
func (x *recoded) unpackPair(jobs []job, at []int, coefs [][]int16) {
	base := unsafe.Pointer(&x.blocks[0])
	s := &x.pair
	for i := range s {
		s[i] = packedStream{
			at: unsafe.Add(base, at[i]), limit: uintptr(base) + uintptr(len(x.blocks)-kernelReach), coef: &coefs[i][0],
		}
	}
	place := func(i int) int { return int(uintptr(s[i].at) - uintptr(base)) }
	for len(jobs) > 0 {
		jobs = jobs[unpackTwo(&s[0], &s[1], &jobs[0], len(jobs), &x.tables):]
		if len(jobs) == 0 {
			break
		}
		for i := range s { // near the end of the data
			pos := x.unpackJobs(jobs[:1], place(i), &s[i].pred, coefs[i])
			s[i].at = unsafe.Add(base, min(pos, len(x.blocks)))
		}
		jobs = jobs[1:]
	}
	at[0], at[1] = place(0), place(1)
}
