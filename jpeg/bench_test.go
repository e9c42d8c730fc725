//go:build unix

package jpeg

import (
	"bytes"
	"fmt"
	"image"
	stdjpeg "image/jpeg"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// splitmix is the generator of the crop list; bench_pillow.py has it too.
type splitmix uint64

func (s *splitmix) next() float64 {
	*s += 0x9E3779B97F4A7C15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return float64((z^z>>31)>>11) / (1 << 53)
}

// randomResizedCrop draws a region as torchvision's RandomResizedCrop does,
// with scale 0.08 to 1 and ratio 3/4 to 4/3.
func randomResizedCrop(seed int, w, h int) image.Rectangle {
	r := splitmix(seed)
	area := float64(w * h)
	for range 10 {
		target := area * (0.08 + r.next()*0.92)
		ratio := math.Exp(math.Log(0.75) + r.next()*(math.Log(4.0/3)-math.Log(0.75)))
		cw, ch := int(math.RoundToEven(math.Sqrt(target*ratio))), int(math.RoundToEven(math.Sqrt(target/ratio)))
		if cw > 0 && cw <= w && ch > 0 && ch <= h {
			y := int(r.next() * float64(h-ch+1))
			x := int(r.next() * float64(w-cw+1))
			return image.Rect(x, y, x+cw, y+ch)
		}
	}
	return image.Rect(0, 0, w, h)
}

// benchSet is the photographs and one crop of each.
type benchSet struct {
	data  [][]byte
	whole []image.Rectangle
	crops []image.Rectangle
	dst   []byte
}

func newBenchSet(b *testing.B) *benchSet {
	b.Helper()
	_, data := photographs(b)
	s := &benchSet{data: data}
	for i, src := range data {
		h, err := ParseHeader(src)
		if err != nil {
			b.Fatal(err)
		}
		s.whole = append(s.whole, image.Rect(0, 0, h.Width, h.Height))
		s.crops = append(s.crops, randomResizedCrop(i, h.Width, h.Height))
		s.dst = grow(s.dst, max(len(s.dst), 3*h.Width*h.Height))
	}
	return s
}

// run decodes one region of each photograph per iteration.
func (s *benchSet) run(b *testing.B, regions []image.Rectangle, opts func(i int) Options) {
	var d Decoder
	b.ReportAllocs()
	start := cpuTime()
	for b.Loop() {
		for i, src := range s.data {
			r := regions[i]
			if err := d.Decode(s.dst, 3*r.Dx(), src, r, opts(i)); err != nil {
				b.Fatal(err)
			}
		}
	}
	report(b, start, len(s.data))
}

// cpuTime is the processor time that the process has used: steadier than the
// clock on a machine with other work to do.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(b *testing.B, start time.Duration, images int) {
	b.ReportMetric(float64((cpuTime()-start).Microseconds())/float64(b.N*images), "cpu-µs/image")
}

func plain(int) Options { return Options{} }

func BenchmarkWhole(b *testing.B) {
	s := newBenchSet(b)
	s.run(b, s.whole, plain)
}

func BenchmarkCrop(b *testing.B) {
	s := newBenchSet(b)
	s.run(b, s.crops, plain)
}

// BenchmarkCropIndexed decodes with indexes of several steps, checksums left to
// the caller, as the loader does; "verified" has Decode check them.
func BenchmarkCropIndexed(b *testing.B) {
	s := newBenchSet(b)
	for _, step := range []int{4, 8, 16, math.MaxUint16} {
		var indexes [][]byte
		size := 0
		for _, src := range s.data {
			x, err := BuildIndex(src, step)
			if err != nil {
				b.Fatal(err)
			}
			indexes = append(indexes, x)
			size += len(x)
		}
		run := func(name string, unverified bool) {
			b.Run(fmt.Sprintf("%s%d", name, step), func(b *testing.B) {
				s.run(b, s.crops, func(i int) Options { return Options{Index: indexes[i], Unverified: unverified} })
				b.ReportMetric(float64(size)/float64(len(indexes)), "index-bytes/image")
			})
		}
		run("step", true)
		if step == DefaultStep {
			run("verified", false)
		}
	}
}

// BenchmarkCropRecoded decodes from the re-coded form.
func BenchmarkCropRecoded(b *testing.B) {
	s := newBenchSet(b)
	before, after := 0, 0
	for i, src := range s.data {
		x, err := Recode(src)
		if err != nil {
			b.Fatal(err)
		}
		before, after = before+len(src), after+len(x)
		s.data[i] = x
	}
	b.Run("crop", func(b *testing.B) {
		s.run(b, s.crops, plain)
		b.ReportMetric(100*float64(after)/float64(before), "%of-JPEG")
	})
	b.Run("whole", func(b *testing.B) { s.run(b, s.whole, plain) })
}

func BenchmarkBuildIndex(b *testing.B) {
	s := newBenchSet(b)
	var d Decoder
	var x []byte
	start := cpuTime()
	for b.Loop() {
		for _, src := range s.data {
			var err error
			if x, err = d.AppendIndex(x[:0], src, DefaultStep); err != nil {
				b.Fatal(err)
			}
		}
	}
	report(b, start, len(s.data))
}

// BenchmarkRecode converts to the re-coded form, BenchmarkRestore back.
func BenchmarkRecode(b *testing.B) {
	s := newBenchSet(b)
	start := cpuTime()
	for b.Loop() {
		for _, src := range s.data {
			if _, err := Recode(src); err != nil {
				b.Fatal(err)
			}
		}
	}
	report(b, start, len(s.data))
}

func BenchmarkRestore(b *testing.B) {
	s := newBenchSet(b)
	for i, src := range s.data {
		x, err := Recode(src)
		if err != nil {
			b.Fatal(err)
		}
		s.data[i] = x
	}
	start := cpuTime()
	for b.Loop() {
		for _, x := range s.data {
			if _, err := Restore(x); err != nil {
				b.Fatal(err)
			}
		}
	}
	report(b, start, len(s.data))
}

// BenchmarkStandardLibrary decodes to YCbCr planes, without colour conversion.
func BenchmarkStandardLibrary(b *testing.B) {
	s := newBenchSet(b)
	start := cpuTime()
	for b.Loop() {
		for _, src := range s.data {
			if _, err := stdjpeg.Decode(bytes.NewReader(src)); err != nil {
				b.Fatal(err)
			}
		}
	}
	report(b, start, len(s.data))
}

// BenchmarkKernels runs the kernels on one row of 64 blocks, which stays in the
// first-level cache.
func BenchmarkKernels(b *testing.B) {
	const blocks, n = 64, 512
	rng := rand.New(rand.NewPCG(1, 2))
	var quant [64]uint16
	for i := range quant {
		quant[i] = 4
	}
	for _, used := range []int{8, 4, 1} { // rows and columns of coefficients
		coef := make([]int16, (blocks+blockSlack)*64)
		for i := range blocks * 64 {
			if i%64/8 < used && i%8 < used {
				coef[i] = int16(rng.IntN(200) - 100)
			}
		}
		out := make([]byte, 8*(n+planeSlack))
		b.Run(fmt.Sprintf("idct/%dx%d", used, used), func(b *testing.B) {
			for b.Loop() {
				idctRow(coef, blocks, &quant, out, n+planeSlack)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*blocks), "ns/block")
		})
	}
	in, dst := make([]byte, n+planeSlack), make([]byte, 3*n)
	for name, kernel := range map[string]func(){
		"ycc":  func() { yccRow(dst, in, in, in, n) },
		"h2v1": func() { upH2V1(dst, in, n) },
		"h2v2": func() { upH2V2(dst, in, in, n) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				kernel()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/pixel")
		})
	}
}
