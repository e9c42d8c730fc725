package transform_test

import (
	"image"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"stoker/internal/codec"
	"stoker/internal/pixel"
	"stoker/internal/rng"
	"stoker/internal/transform"
	"stoker/jpeg"
)

var pipelines = map[string]string{
	"train-uint8": `{"ops": [{"op": "random_resized_crop", "size": 224}, {"op": "horizontal_flip"}]}`,
	"train-float32": `{"ops": [{"op": "random_resized_crop", "size": 224}, {"op": "horizontal_flip"},
		{"op": "normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}],
		"output": {"dtype": "float32", "layout": "NCHW"}}`,
	"train-jitter": `{"ops": [{"op": "random_resized_crop", "size": 224}, {"op": "horizontal_flip"},
		{"op": "color_jitter", "brightness": [0.6, 1.4], "contrast": [0.6, 1.4], "saturation": [0.6, 1.4], "hue": [-0.1, 0.1]}]}`,
	"eval": `{"ops": [{"op": "resize", "size": 256}, {"op": "center_crop", "size": 224}]}`,
}

// BenchmarkPhotographs reports what a sample costs: decide and apply alone, and
// with decoding before: without and with the entropy index, re-coded, and stored as
// pixels of 256 x 256. The metric cpu-us is processor time, which other programs
// disturb the least. scripts/bench_decode.py runs it beside other ways to do the
// same.
func BenchmarkPhotographs(b *testing.B) {
	var photos [][]byte
	for _, file := range photographs(b) {
		src, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		photos = append(photos, src)
	}
	set := codec.NewSet(codec.Limits{})
	each := func(make func(src []byte) ([]byte, error)) func() [][]byte {
		return sync.OnceValue(func() (all [][]byte) {
			for _, src := range photos {
				made, err := make(src)
				if err != nil {
					b.Fatal(err)
				}
				all = append(all, made)
			}
			return all
		})
	}
	indexes := each(func(src []byte) ([]byte, error) { return set.AppendIndex(nil, src, codec.JPEG, codec.DefaultIndexStep) })
	recoded := each(jpeg.Recode)
	small := each(func(src []byte) ([]byte, error) { return pixels256(set, src) })
	for name, spec := range pipelines {
		p := compile(b, spec)
		b.Run(name+"/apply", func(b *testing.B) { run(b, p, set, photos, nil, false) })
		b.Run(name+"/decode-apply", func(b *testing.B) { run(b, p, set, photos, nil, true) })
		b.Run(name+"/decode-index-apply", func(b *testing.B) { run(b, p, set, photos, indexes(), true) })
		b.Run(name+"/decode-recoded-apply", func(b *testing.B) { run(b, p, set, recoded(), nil, true) })
		b.Run(name+"/pixels-apply", func(b *testing.B) { run(b, p, set, small(), nil, true) })
	}
}

// pixels256 is what `stoker pack --resize 256x256 --pixels` stores.
func pixels256(set *codec.Set, src []byte) ([]byte, error) {
	info, err := set.Info(src)
	if err != nil {
		return nil, err
	}
	var buf, small []byte
	m, to := pixel.Grow(&buf, info.Width, info.Height), pixel.Grow(&small, 256, 256)
	if err := set.Decode(src, info.Format, codec.Request{}, m); err != nil {
		return nil, err
	}
	new(pixel.Resizer).Resize(to, m, image.Point{}, &pixel.Resampling{Width: m.Width, Height: m.Height, OutWidth: 256, OutHeight: 256})
	return codec.AppendPPM(nil, to), nil
}

func run(b *testing.B, p *transform.Pipeline, set *codec.Set, photos, indexes [][]byte, decode bool) {
	var buf []byte
	dst, s := make([]byte, p.RowBytes()), transform.NewScratch()
	infos := make([]codec.Info, len(photos))
	for i, src := range photos {
		var err error
		if infos[i], err = set.Info(src); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	begin := cpuTime(b)
	defer func() { b.ReportMetric(float64((cpuTime(b)-begin).Nanoseconds())/1e3/float64(b.N), "cpu-us") }()
	for i := range b.N {
		k := i % len(photos)
		d := p.Decide(rng.NewKey(1).Sub(uint64(i)), infos[k])
		region, stored := codec.View(photos[k], infos[k].Format, d.Region)
		if !stored {
			region = pixel.Grow(&buf, d.Region.Dx(), d.Region.Dy())
		}
		if decode && !stored {
			req := codec.Request{Region: d.Region, Checked: true}
			if len(indexes) > 0 && len(indexes[k]) > 0 {
				req.Index = indexes[k]
			}
			if err := set.Decode(photos[k], infos[k].Format, req, region); err != nil {
				b.Fatal(err)
			}
		}
		if err := p.Apply(&d, region, dst, s); err != nil {
			b.Fatal(err)
		}
	}
}

// cpuTime returns the processor time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func BenchmarkDecide(b *testing.B) {
	p := compile(b, pipelines["train-jitter"])
	info := codec.Info{Width: 500, Height: 375, Orientation: 1}
	b.ReportAllocs()
	for i := range b.N {
		d := p.Decide(rng.NewKey(uint64(i)), info)
		if d.Region.Empty() {
			b.Fatal("nothing to decode")
		}
	}
}
