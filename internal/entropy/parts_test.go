package entropy

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"math/rand/v2"
	"testing"

	"stoker/internal/errs"
	"stoker/jpeg"
)

// photograph returns a JPEG image with noise in it, so that it has some length.
func photograph(t testing.TB, rng *rand.Rand, w, h int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{byte(x) + byte(rng.IntN(40)), byte(3 * y), byte(x*y) + byte(rng.IntN(90)), 255})
		}
	}
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The ranges of a region, checked page by page, decode to the region's pixels,
// whatever lies in the rest of the memory.
func TestPartsDecodeAsTheWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var d jpeg.Decoder
	saved := 0
	for range 30 {
		w, h := 8+rng.IntN(500), 8+rng.IntN(300)
		blob, at := photograph(t, rng, w, h), rng.Int64N(3*PageBytes)
		index, err := jpeg.BuildIndex(blob, 8)
		if err != nil {
			t.Fatal(err)
		}
		of := Blob{Width: w, Height: h, Length: int64(len(blob)), At: at, CRC: crc(blob)}
		var p Parts
		if err := p.Read(AppendParts(nil, blob, at), of); err != nil {
			t.Fatal(err)
		}
		r := image.Rect(rng.IntN(w), rng.IntN(h), 0, 0)
		r.Max = image.Pt(r.Min.X+1+rng.IntN(w-r.Min.X), r.Min.Y+1+rng.IntN(h-r.Min.Y))
		ranges, err := p.Ranges(nil, index, r, rng.IntN(2*PageBytes))
		if err != nil {
			t.Fatal(err)
		}
		sparse := bytes.Repeat([]byte{0xA5}, len(blob))
		for _, g := range ranges {
			if g.Start > 0 && (g.Start+int(at))%PageBytes != 0 {
				t.Errorf("range %v of an image at %d begins within a page", g, at)
			}
			copy(sparse[g.Start:g.End], blob[g.Start:g.End])
			saved -= g.End - g.Start
			if !p.Check(sparse, g) {
				t.Errorf("%d bytes at %d: right bytes of %v are refused", len(blob), at, g)
			}
		}
		saved += len(blob)
		want, got := make([]byte, 3*r.Dx()*r.Dy()), make([]byte, 3*r.Dx()*r.Dy())
		if err := d.Decode(want, 3*r.Dx(), blob, r, jpeg.Options{}); err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(got, 3*r.Dx(), sparse, r, jpeg.Options{Index: index, Unverified: true}); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%dx%d, region %v: other pixels from %v of %d bytes: %v", w, h, r, ranges, len(blob), err)
		}
	}
	if saved <= 0 {
		t.Error("nothing was saved")
	}
}

// No changed byte of image or parts is passed over.
func TestDamageIsFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	blob := photograph(t, rng, 200, 150)
	of := Blob{Width: 200, Height: 150, Length: int64(len(blob)), At: 1234, CRC: crc(blob)}
	parts := AppendParts(nil, blob, of.At)
	var p Parts
	for i := range parts {
		damaged := bytes.Clone(parts)
		damaged[i] ^= 1 << rng.IntN(8)
		if err := p.Read(damaged, of); !errs.Is(err, errs.Corrupt) {
			t.Errorf("byte %d of the parts changed: %v", i, err)
		}
	}
	for _, other := range []Blob{{200, 150, of.Length - 1, 1234, of.CRC}, {200, 150, of.Length, 1235, of.CRC}, {200, 150, of.Length, 1234, of.CRC + 1}} {
		if err := p.Read(parts, other); !errs.Is(err, errs.Corrupt) {
			t.Errorf("parts of another image, %+v: %v", other, err)
		}
	}
	if err := p.Read(parts, of); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		damaged := bytes.Clone(blob)
		damaged[rng.IntN(len(blob))] ^= 1 << rng.IntN(8)
		if p.Check(damaged, jpeg.Range{Start: 0, End: len(blob)}) {
			t.Fatal("a changed byte passed")
		}
	}
}

func crc(blob []byte) uint32 { return crc32.Checksum(blob, castagnoli) }

// FuzzParts: whatever index and parts say, ranges lie in the image, in order.
func FuzzParts(f *testing.F) {
	rng := rand.New(rand.NewPCG(7, 8))
	blob := photograph(f, rng, 300, 200)
	index, err := jpeg.BuildIndex(blob, 8)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(AppendParts(nil, blob, 100), index, uint32(len(blob)), uint16(10), uint16(60))
	f.Fuzz(func(t *testing.T, parts, index []byte, length uint32, from, to uint16) {
		if len(parts) > partsHeader { // make the checksums right, as whoever wants harm would
			binary.LittleEndian.PutUint32(parts[partsHeader-4:], crc32.Checksum(parts[:partsHeader-4], castagnoli))
		}
		if len(index) > 8 {
			binary.LittleEndian.PutUint32(index[4:], crc32.Checksum(index[8:], castagnoli))
		}
		var p Parts
		of := Blob{Width: 300, Height: 200, Length: int64(length % (1 << 20)), At: 100}
		if len(parts) >= partsHeader {
			p.pages, p.crcs = pages{100, int(of.Length)}, parts[partsHeader:]
			if len(p.crcs) == 4*p.count() && p.count() > 0 {
				of.CRC = p.whole()
			}
		}
		if p.Read(parts, of) != nil {
			return
		}
		ranges, err := p.Ranges(nil, index, image.Rect(0, int(from%200), 300, 200), int(to))
		if err != nil {
			return
		}
		last := 0
		image := make([]byte, of.Length)
		for _, r := range ranges {
			if r.Start < last || r.End <= r.Start || r.End > len(image) {
				t.Fatalf("ranges %v of %d bytes", ranges, len(image))
			}
			last = r.End
			p.Check(image, r)
		}
	})
}
