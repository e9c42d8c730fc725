package engine

import (
	"golang.org/x/sys/unix"

	"stoker/internal/errs"
	"stoker/internal/pixel"
)

// regionMemory is one worker's memory for decoded regions. Regions of common
// size use memory that is kept; the rare large one gets memory of its own that
// goes back to the system at once, so that the largest crops of the largest
// pictures, which every worker meets some day, do not make memory creep up for
// hours. Where large ones are common theirs is kept too: taking it anew costs
// about a tenth of decoding into it.
type regionMemory struct {
	common []byte
	large  []byte // mapped, nil where there is none
	often  float64
}

const (
	commonRegion = 2 << 20 // bytes: 0.7 megapixels
	keepLarge    = 0.25    // share of large regions from which on their memory is kept
	recently     = 1.0 / 32
	// slack behind a region, for vector instructions that read past its end.
	slack = 4096
)

// take returns an image of the given size, undefined, valid until done.
func (m *regionMemory) take(width, height int) (pixel.RGB, error) {
	n := pixel.Bytes(width, height)
	m.often -= m.often * recently
	if n <= commonRegion {
		if m.common == nil {
			m.common = make([]byte, 0, commonRegion)
		}
		return pixel.Grow(&m.common, width, height), nil
	}
	m.often += recently
	if cap(m.large) < n {
		m.free()
		step := 1 << 20
		memory, err := unix.Mmap(-1, 0, (n+step-1)/step*step+slack, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return pixel.RGB{}, errs.New(errs.Exhausted, "no memory for a region of %d x %d pixels: %w", width, height, err)
		}
		m.large = memory
	}
	return pixel.RGB{Pix: m.large[:n:n], Stride: 3 * width, Width: width, Height: height}, nil
}

// done ends the use of what take returned.
func (m *regionMemory) done() {
	if m.large != nil && m.often < keepLarge {
		m.free()
	}
}

// free gives large memory back.
func (m *regionMemory) free() {
	if m.large != nil {
		unix.Munmap(m.large) //nolint:errcheck // fails only for memory that was not mapped
		m.large = nil
	}
}
