package jpeg

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// kindOf returns the kind of an *Error, 0 for no error.
func kindOf(t *testing.T, err error) Kind {
	t.Helper()
	var e *Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("error of type %T: %v", err, err)
	}
	if e == nil {
		return 0
	}
	return e.Kind
}

// TestUnsupportedProcesses changes the frame marker of a good file.
func TestUnsupportedProcesses(t *testing.T) {
	src := goldenFiles(t)["420-19x23"]
	at := bytes.Index(src, []byte{0xFF, markerSOF0})
	for _, m := range []byte{0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF} {
		b := bytes.Clone(src)
		b[at+1] = m
		if _, err := ParseHeader(b); kindOf(t, err) != Unsupported {
			t.Errorf("SOF %#02x: %v", m, err)
		}
	}
	b := bytes.Clone(src)
	b[at+4] = 12
	if _, err := ParseHeader(b); kindOf(t, err) != Unsupported {
		t.Errorf("12 bits: %v", err)
	}
	b = bytes.Clone(src)
	b[at+11], b[at+14] = 0x33, 0x22
	if _, err := ParseHeader(b); kindOf(t, err) != Unsupported {
		t.Errorf("fractional sampling: %v", err)
	}
}

// TestLimits asks for too much with few bytes, and for what does not fit.
func TestLimits(t *testing.T) {
	files := goldenFiles(t)
	var d Decoder
	huge := func(name string) []byte {
		b := bytes.Clone(files[name])
		at := bytes.Index(b, []byte{0xFF, 0xC0})
		if at < 0 {
			at = bytes.Index(b, []byte{0xFF, 0xC2})
		}
		copy(b[at+5:], []byte{0xFF, 0xDC, 0xFF, 0xDC}) // 65500 x 65500
		return b
	}
	dst := make([]byte, 3)
	one := image.Rect(0, 0, 1, 1)
	for _, name := range []string{"420-19x23", "progressive-19x23", "scans-0"} {
		err := d.Decode(dst, 3, huge(name), one, Options{})
		if kindOf(t, err) != TooLarge {
			t.Errorf("%s of 65500x65500: %v", name, err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, name := range []string{"progressive-19x23", "scans-0"} {
		err := d.Decode(dst, 3, huge(name), one, Options{MaxPixels: 1 << 40})
		if kindOf(t, err) != Truncated {
			t.Errorf("%s of 65500x65500: %v", name, err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes taken for short files of huge images", n)
	}
	if err := d.Decode(dst, 3, files["progressive-19x23"], one, Options{MaxScans: 3}); kindOf(t, err) != TooLarge {
		t.Errorf("too many scans: %v", err)
	}
	src := files["420-19x23"]
	for _, r := range []image.Rectangle{image.Rect(0, 0, 20, 1), image.Rect(-1, 0, 1, 1), image.Rect(3, 3, 3, 5), image.Rect(0, 0, 2, 1)} {
		if err := d.Decode(dst, 3, src, r, Options{}); kindOf(t, err) != BadArgument {
			t.Errorf("region %v: %v", r, err)
		}
	}
	if _, err := BuildIndex(files["progressive-19x23"], 0); kindOf(t, err) != Unsupported {
		t.Errorf("index of a progressive image: %v", err)
	}
	for i := range src {
		if _, err := ParseHeader(src[:i]); err == nil && i < 100 {
			t.Errorf("header of %d bytes accepted", i)
		}
	}
}

// TestHostileFilesTakeBoundedTime decodes large pictures of little data with
// everything wrong, partially: each step of the way back must be short.
func TestHostileFilesTakeBoundedTime(t *testing.T) {
	src := goldenFiles(t)["progressive-19x23"]
	at := bytes.Index(src, []byte{0xFF, 0xC2})
	copy(src[at+5:], []byte{0x10, 0, 0x10, 0}) // 4096 x 4096
	scan := bytes.Index(src, []byte{0xFF, 0xDA})
	b := append(bytes.Clone(src[:scan]), segmentOf(markerDRI, 0, 1)...)
	header := src[scan : scan+2+int(src[scan+3])]
	for range 20 {
		b = append(append(b, header...), 0xFF, 0xD3, 0xFE, 0xFF, 0xD3, 1, 2, 3)
	}
	b = append(b, bytes.Repeat([]byte{0xFE, 0x3C}, 1<<16)...)
	b = append(b, 0xFF, markerEOI)
	var d Decoder
	dst := make([]byte, 3)
	start := time.Now()
	err := d.Decode(dst, 3, b, image.Rect(0, 0, 1, 1), Options{Partial: true})
	if kindOf(t, err) == 0 {
		t.Error("no error")
	}
	// Seconds on any machine; a quadratic step takes minutes.
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestErrorNamesPlace damages a file and looks for the place in the error.
func TestErrorNamesPlace(t *testing.T) {
	src := goldenFiles(t)["444-19x23"]
	var d Decoder
	_, err := decodeWhole(&d, src[:len(src)-300], Options{})
	var e *Error
	if !errors.As(err, &e) || e.Kind != Truncated || e.Offset != len(src)-300 || e.Pixels {
		t.Errorf("truncated file: %v", err)
	}
	_, err = decodeWhole(&d, src[:len(src)-300], Options{Partial: true})
	if !errors.As(err, &e) || !e.Pixels {
		t.Errorf("truncated file with Partial: %v", err)
	}
}

// TestOrientation reads EXIF tag 274 in both byte orders.
func TestOrientation(t *testing.T) {
	little := []byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00" +
		"\x0f\x01\x02\x00\x04\x00\x00\x00abc\x00" + "\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00")
	big := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01" + "\x01\x12\x00\x03\x00\x00\x00\x01\x00\x08\x00\x00")
	bad := bytes.Replace(big, []byte{0, 8, 0, 0}, []byte{0, 9, 0, 0}, 1)
	src := goldenFiles(t)["420-19x23"]
	for _, test := range []struct {
		exif []byte
		want int
	}{{little, 6}, {big, 8}, {bad, 1}, {little[:20], 1}, {[]byte("Exif\x00\x00"), 1}} {
		b := append(append([]byte{0xFF, 0xD8}, segmentOf(markerAPP0+1, test.exif...)...), src[2:]...)
		h, err := ParseHeader(b)
		if err != nil || h.Orientation != test.want || h.Width != 19 || h.Height != 23 {
			t.Errorf("%+v, %v, want orientation %d", h, err, test.want)
		}
	}
}

// TestNearStandardLibrary needs no tools and no golden files: another decoder
// with another inverse DCT must give nearly the same pixels.
func TestNearStandardLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	img := image.NewRGBA(image.Rect(0, 0, 120, 77))
	for y := range 77 {
		for x := range 120 {
			img.SetRGBA(x, y, color.RGBA{uint8(2*x + rng.IntN(9)), uint8(3 * y), uint8(x + y), 255})
		}
	}
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, img, &stdjpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	var d Decoder
	got, err := decodeWhole(&d, b.Bytes(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for y := range 77 {
		for x := range 120 {
			c := img.RGBAAt(x, y)
			p := got.pix[3*(y*120+x):][:3]
			for i, v := range []uint8{c.R, c.G, c.B} {
				sum += max(int(v)-int(p[i]), int(p[i])-int(v))
			}
		}
	}
	if mean := float64(sum) / float64(len(got.pix)); mean > 4 {
		t.Errorf("mean difference from the picture that was encoded: %.1f", mean)
	}
}
