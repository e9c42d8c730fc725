package pack

import (
	"context"
	"math"
	"os"
	"time"

	"golang.org/x/sync/semaphore"

	"stoker/internal/codec"
	"stoker/internal/pixel"
	"stoker/internal/rng"
	"stoker/internal/source"
	"stoker/internal/transform"
)

// Forecast is what Options.Recode or Pixels would cost and save, measured on some
// of the pictures on this machine. Both are compared with the same options without
// them, and entropy indexes.
type Forecast struct {
	Pictures int     // measured
	Bytes    float64 // stored, over those stored without
	Total    int64   // bytes of all pictures, estimated
	Indexed  float64 // seconds of a random crop to 224 x 224 without, from bytes in memory
	Seconds  float64 // the same with
}

// forecastPictures are enough to tell the mean crop's time within some percent.
const forecastPictures = 48

// MakeForecast measures what Recode or Pixels would cost and save, in a second or
// two. Pictures that would not change their form or cannot be read do not count;
// none at all is no error.
func MakeForecast(ctx context.Context, o Options) (Forecast, error) {
	plain := o
	plain.Recode, plain.Pixels = false, false
	o, err := o.withDefaults()
	if err != nil {
		return Forecast{}, err
	}
	if plain, err = plain.withDefaults(); err != nil {
		return Forecast{}, err
	}
	if err := checkOutput(o.Output, o.Overwrite); err != nil { // before the wait, not after it
		return Forecast{}, err
	}
	src, err := source.Scan(ctx, o.Source)
	if err != nil {
		return Forecast{}, err
	}
	spec, err := transform.ParseSpec([]byte(`{"ops": [{"op": "random_resized_crop", "size": [224, 224]}]}`))
	if err != nil {
		return Forecast{}, err
	}
	crop, err := transform.Compile(spec)
	if err != nil {
		return Forecast{}, err
	}
	m := forecaster{with: newStorer(&o), without: newStorer(&plain), set: codec.NewSet(codec.Limits{MaxPixels: o.MaxPixels}),
		crop: crop, scratch: transform.NewScratch(), out: make([]byte, crop.RowBytes())}
	step := max(src.Len()/forecastPictures, 1)
	for i := 0; i < src.Len() && ctx.Err() == nil; i += step {
		if data, err := os.ReadFile(src.Path(i)); err == nil {
			m.measure(ctx, rng.Key(i), data)
		}
	}
	return m.mean(src.Len()), ctx.Err()
}

// storer makes of a file what is stored.
type storer struct {
	packer
	pictures *pictures
}

func newStorer(o *Options) *storer {
	return &storer{packer: packer{opts: o}, pictures: newPictures(o, semaphore.NewWeighted(o.MemoryBytes))}
}

func (s *storer) store(ctx context.Context, data []byte) ([]byte, codec.Info, error) {
	blob, info, err := s.pictures.pack(ctx, data, &s.buffers)
	if err == nil && info.Format == codec.JPEG {
		blob, err = s.form(blob)
	}
	return blob, info, err
}

type forecaster struct {
	with, without *storer
	set           *codec.Set
	crop          *transform.Pipeline
	scratch       *transform.Scratch
	pixels, out   []byte
	sum           Forecast
	before, after float64 // bytes
}

func (m *forecaster) measure(ctx context.Context, key rng.Key, data []byte) {
	before, info, err := m.without.store(ctx, data)
	if err != nil || info.Format != codec.JPEG && m.with.opts.Recode {
		return
	}
	index, err := m.set.AppendIndex(nil, before, info.Format, codec.DefaultIndexStep)
	if err != nil {
		return
	}
	indexed := m.time(key, before, info, index)
	after, info, err := m.with.store(ctx, data)
	if err != nil {
		return
	}
	quick := m.time(key, after, info, nil)
	if indexed <= 0 || quick <= 0 {
		return
	}
	m.sum.Pictures++
	m.sum.Indexed += indexed
	m.sum.Seconds += quick
	m.before += float64(len(before))
	m.after += float64(len(after))
}

// time returns the seconds of the fastest of a few random crops, or 0.
func (m *forecaster) time(key rng.Key, data []byte, info codec.Info, index []byte) float64 {
	d := m.crop.Decide(key, info)
	best := math.Inf(1)
	for range 3 {
		begin := time.Now()
		image, ok := codec.View(data, info.Format, d.Region)
		if !ok {
			image = pixel.Grow(&m.pixels, d.Region.Dx(), d.Region.Dy())
			req := codec.Request{Region: d.Region, Index: index, Checked: true}
			if err := m.set.Decode(data, info.Format, req, image); err != nil {
				return 0
			}
		}
		if err := m.crop.Apply(&d, image, m.out, m.scratch); err != nil {
			return 0
		}
		best = min(best, time.Since(begin).Seconds())
	}
	return best
}

func (m *forecaster) mean(pictures int) Forecast {
	f := m.sum
	if n := float64(f.Pictures); n > 0 {
		f.Bytes = m.after / m.before
		f.Total = int64(m.after / n * float64(pictures))
		f.Indexed /= n
		f.Seconds /= n
	}
	return f
}
