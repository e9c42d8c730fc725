package jpeg

import "unsafe"

// packedStream is a place in packed blocks and where to unpack them to. The
// assembly knows its layout.
type packedStream struct {
	at    unsafe.Pointer // next block
	limit unsafe.Pointer // kernels stop before a job whose block begins beyond
	coef  *int16
	pred  [4]int32
}

// unpackTable tells the kernels about magnitudes of one width: how to gather those
// of eight values in each quadword and, by the bit at which they begin, to shift
// them into bytes.
type unpackTable struct {
	gather [64]uint8
	shift  [8][64]uint8
	spread uint64 // ones where the magnitudes of eight values belong
	width  uint64
	top    uint64 // the magnitude that does not fit
}

// unpackTables are those of all widths.
var unpackTables = func() (t [maxWidth + 1]unpackTable) {
	for width := 1; width <= maxWidth; width++ {
		t[width] = makeUnpackTable(width)
	}
	return t
}()

func makeUnpackTable(width int) (t unpackTable) {
	t.width, t.top = uint64(width), 1<<width-1
	t.spread = t.top * 0x0101010101010101
	for i := range 64 {
		t.gather[i] = uint8(min(i/8*width+i%8, 63))
		for bit := range 8 {
			t.shift[bit][i] = uint8(i%8*width + bit)
		}
	}
	return t
}

// byteOrder gathers a block from the packed order, for bytes that are then
// widened by interleaving: eight of the upper rows and eight of the lower in each
// 16 bytes.
//
//lint:ignore U1000 the assembly reads it
var byteOrder = func() (t [64]uint8) {
	for p := range t {
		t[p%32/8*16+p/32*8+p%8] = uint8(groupPlace(p))
	}
	return t
}()

// kernelReach is how far from the beginning of a block the kernels read.
const kernelReach = 384

// recodedRows is how many rows of MCUs are unpacked together: streams enough to
// hide that a block must be measured before the next can begin.
const recodedRows = 4

// packedStreams are streams of the blocks of an image. Near the end of the blocks,
// where kernels would read on, streams move to a copy with zeros behind it.
type packedStreams struct {
	kernel [recodedRows]packedStream
	pos    [recodedRows]int // the place, for the generic code
	tail   [3 * kernelReach]byte
	inTail int // bytes of the blocks in tail, 0 before they are there
}

// begin starts stream q at a place of the blocks.
func (x *recoded) begin(q, pos int, coef []int16) {
	s := &x.streams
	s.pos[q], s.kernel[q] = pos, packedStream{coef: &coef[0]}
	if unpackStreams != nil {
		x.place(q, pos)
	}
}

// restart begins a chunk in the first n streams.
func (x *recoded) restart(n int) {
	for q := range n {
		x.streams.kernel[q].pred = [4]int32{}
	}
}

// place points stream q to a place of the blocks.
func (x *recoded) place(q, pos int) {
	s := &x.streams
	k, end := &s.kernel[q], len(x.blocks)
	if pos+kernelReach <= end {
		k.at, k.limit = unsafe.Pointer(&x.blocks[pos]), unsafe.Pointer(&x.blocks[end-kernelReach])
		return
	}
	if s.inTail == 0 {
		s.inTail = copy(s.tail[:2*kernelReach], x.blocks[max(end-2*kernelReach, 0):])
		clear(s.tail[s.inTail:])
	}
	pos = min(pos-(end-s.inTail), s.inTail)
	k.at, k.limit = unsafe.Pointer(&s.tail[pos]), unsafe.Pointer(&s.tail[s.inTail])
}

// fetch has the first blocks from a place on brought into the cache. Kernels do so
// with what follows.
func (x *recoded) fetch(pos int) {
	if fetchAhead != nil && pos+fetchBytes <= len(x.blocks) {
		fetchAhead(&x.blocks[pos])
	}
}

// unpack unpacks the blocks of jobs for each of the first n streams, whose
// coefficients lie rowCoefs apart in coef.
func (x *recoded) unpack(jobs []job, n int, coef []int16, rowCoefs int) {
	s := &x.streams
	if unpackStreams == nil {
		for q := range n {
			s.pos[q] = x.unpackJobs(jobs, s.pos[q], &s.kernel[q].pred, coef[q*rowCoefs:])
		}
		return
	}
	for {
		jobs = jobs[unpackStreams(&s.kernel[0], n, &jobs[0], len(jobs), &x.tables):]
		if len(jobs) == 0 {
			return
		}
		for q := range n { // near the end of the data
			k := &s.kernel[q]
			switch at := uintptr(k.at); {
			case at <= uintptr(k.limit):
			case k.limit == unsafe.Pointer(&s.tail[s.inTail]):
				k.at = k.limit // beyond its end are zeros
			default:
				x.place(q, int(at-uintptr(unsafe.Pointer(&x.blocks[0]))))
			}
		}
	}
}

// unpackJobs is the generic code for one stream.
func (x *recoded) unpackJobs(jobs []job, pos int, pred *[4]int32, coef []int16) int {
	for i := range jobs {
		j := &jobs[i]
		c := j.pred >> 2 & 3
		pos = unpackBlock(x.blocks, pos, (*[64]int16)(coef[j.off>>1:]), &pred[c], int(x.width[c]))
	}
	return min(pos, len(x.blocks))
}
