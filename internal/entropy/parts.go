// Package entropy holds what is known of a stored JPEG image beside its pixels:
// its entropy index (package jpeg), and the parts that it is read in.
//
// Parts say where the entropy-coded data begin and have a checksum for each page
// of the file that the image touches, so that a reader can fetch only the pages
// that a region needs and still never give wrong bytes to the decoder: the
// checksums of the pages together must give that of the whole image.
//
// Cache keeps both for images that have none beside them: files used in place,
// and datasets packed without.
package entropy

import (
	"encoding/binary"
	"hash/crc32"
	"image"

	"stoker/internal/errs"
	"stoker/jpeg"
)

// PageBytes is what parts are made of: pages of the file that holds the image,
// as the system reads them.
const PageBytes = 4096

// The encoding of parts, little-endian:
//
//	0  uint32   length of the image's header
//	4  uint8    components
//	5  uint8    sampling factors of each of four components, h * 16 + v
//	9  3 bytes  zero
//	12 uint32   CRC-32C of the bytes before
//	16 uint32   CRC-32C of what each page of the file holds of the image
const partsHeader = 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendParts appends the parts of an image that begins at the given place of
// its file, or nothing where the image is none that can be indexed.
func AppendParts(dst, blob []byte, at int64) []byte {
	o, err := jpeg.ParseOutline(blob)
	if err != nil {
		return dst
	}
	le := binary.LittleEndian
	begin := len(dst)
	dst = append(le.AppendUint32(dst, uint32(o.Start)), byte(o.Components))
	for _, s := range o.Sampling {
		dst = append(dst, byte(s[0]<<4|s[1]))
	}
	dst = append(dst, 0, 0, 0)
	dst = le.AppendUint32(dst, crc32.Checksum(dst[begin:], castagnoli))
	p := pages{phase: int(at % PageBytes), length: len(blob)}
	for i := range p.count() {
		from, to := p.page(i)
		dst = le.AppendUint32(dst, crc32.Checksum(blob[from:to], castagnoli))
	}
	return dst
}

// pages are those of a file that an image touches.
type pages struct {
	phase  int // of the image's first byte in its page
	length int // of the image
}

func (p pages) count() int { return (p.phase + p.length + PageBytes - 1) / PageBytes }

// page returns which bytes of the image lie in its page i.
func (p pages) page(i int) (from, to int) {
	return max(i*PageBytes-p.phase, 0), min((i+1)*PageBytes-p.phase, p.length)
}

// Parts are the decoded parts of one image. The zero value is ready for Read.
type Parts struct {
	pages
	outline jpeg.Outline
	crcs    []byte
}

// Blob is what an index says of a stored image.
type Blob struct {
	Width, Height int
	Length        int64
	At            int64 // its place in its file
	CRC           uint32
}

// Read decodes parts, which must stay unchanged as long as p is used. Parts that
// are damaged or belong to another image are an error of kind Corrupt.
func (p *Parts) Read(parts []byte, b Blob) error {
	if len(parts) < partsHeader || b.Length < 1 || b.Length > 1<<30 {
		return errs.New(errs.Corrupt, "parts of %d bytes for an image of %d", len(parts), b.Length)
	}
	*p = Parts{pages: pages{phase: int(b.At % PageBytes), length: int(b.Length)}, crcs: parts[partsHeader:]}
	o := &p.outline
	o.Start, o.Components = int(binary.LittleEndian.Uint32(parts)), int(parts[4])
	o.Width, o.Height = b.Width, b.Height
	for i := range o.Sampling {
		o.Sampling[i] = [2]int{int(parts[5+i] >> 4), int(parts[5+i] & 15)}
	}
	sum := binary.LittleEndian.Uint32(parts[partsHeader-4:])
	if sum != crc32.Checksum(parts[:partsHeader-4], castagnoli) || o.Start > p.length || len(p.crcs) != 4*p.count() || p.whole() != b.CRC {
		return errs.New(errs.Corrupt, "the parts are not those of the image")
	}
	return nil
}

// whole returns the checksum of the image that those of its pages give.
func (p *Parts) whole() uint32 {
	crc := p.crc(0)
	for i := 1; i < p.count(); i++ {
		from, to := p.page(i)
		crc = behind(crc, to-from) ^ p.crc(i)
	}
	return crc
}

func (p *Parts) crc(i int) uint32 { return binary.LittleEndian.Uint32(p.crcs[4*i:]) }

// Ranges appends to dst the bytes of the image that decoding a region with its
// index takes, in whole pages, where gaps of less than join bytes are read over.
func (p *Parts) Ranges(dst []jpeg.Range, index []byte, region image.Rectangle, join int) ([]jpeg.Range, error) {
	begin := len(dst)
	dst, err := p.outline.Ranges(dst, index, region, join)
	if err != nil {
		return dst[:begin], errs.New(errs.Corrupt, "%w", err)
	}
	out := dst[:begin]
	for _, r := range dst[begin:] {
		if r.End > p.length {
			return dst[:begin], errs.New(errs.Corrupt, "the index is of an image of %d bytes or more, this one has %d", r.End, p.length)
		}
		r.Start, _ = p.page((r.Start + p.phase) / PageBytes)
		_, r.End = p.page((r.End - 1 + p.phase) / PageBytes)
		if n := len(out); n > begin && r.Start-out[n-1].End < max(join, 1) {
			out[n-1].End = max(out[n-1].End, r.End)
		} else {
			out = append(out, r)
		}
	}
	return out, nil
}

// Check compares the checksums of a range that Ranges gave, in blob, which has the
// length of the image.
func (p *Parts) Check(blob []byte, r jpeg.Range) bool {
	for i := (r.Start + p.phase) / PageBytes; i < p.count(); i++ {
		from, to := p.page(i)
		if from >= r.End {
			break
		}
		if crc32.Checksum(blob[from:to], castagnoli) != p.crc(i) {
			return false
		}
	}
	return true
}

// behind returns what a checksum becomes when n zero bytes follow, n <= PageBytes.
// A checksum of two pieces is behind(first, length of second) ^ second, since
// CRCs are linear.
func behind(crc uint32, n int) uint32 {
	if n < PageBytes {
		return ^crc32.Update(^crc, castagnoli, zeros[:n])
	}
	return byPage[0][crc&255] ^ byPage[1][crc>>8&255] ^ byPage[2][crc>>16&255] ^ byPage[3][crc>>24]
}

var (
	zeros  [PageBytes]byte
	byPage = pageTable()
)

// pageTable tabulates behind for whole pages, by the bytes of the checksum.
func pageTable() (t [4][256]uint32) {
	for k := range 32 {
		bit := ^crc32.Update(^uint32(1<<k), castagnoli, zeros[:])
		for v := range 256 {
			if v>>(k%8)&1 != 0 {
				t[k/8][v] ^= bit
			}
		}
	}
	return t
}
