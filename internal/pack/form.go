package pack

import (
	"context"
	"errors"
	"math"
	"os"
	"time"

	"stoker/internal/codec"
	"stoker/internal/errs"
	"stoker/internal/pixel"
	"stoker/internal/rng"
	"stoker/internal/source"
	"stoker/internal/transform"
	"stoker/jpeg"
)

// form returns the bytes in which a JPEG is kept: as it is, as one scan, or
// re-coded. Nothing of the picture is lost. JPEGs that cannot have the form stay
// as they are.
func (p *packer) form(blob []byte) ([]byte, error) {
	convert := jpeg.Baseline
	switch {
	case p.opts.Recode:
		convert = jpeg.Recode
	case !p.opts.Baseline:
		return blob, nil
	}
	converted, err := convert(blob)
	var e *jpeg.Error
	switch {
	case err == nil:
		if &converted[0] != &blob[0] {
			p.converted.Add(1)
		}
		return converted, nil
	case errors.As(err, &e) && e.Kind != jpeg.Corrupt:
		return blob, nil
	}
	return nil, errs.New(errs.Corrupt, "%w", err)
}

// Forecast is what re-coding would cost and save, measured on some of the
// pictures on this machine.
type Forecast struct {
	Pictures int     // measured
	Bytes    float64 // of the re-coded pictures over those of the files
	Indexed  float64 // seconds to decode a random crop with an entropy index
	Recoded  float64 // the same re-coded
}

// forecastPictures are enough to tell the mean crop's time within some percent.
const forecastPictures = 48

// ForecastRecode measures what re-coding would cost and save, in about a second.
// Pictures that are no JPEGs or cannot be read do not count; none at all is no
// error.
func ForecastRecode(ctx context.Context, o Options) (Forecast, error) {
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
	m := forecaster{set: codec.NewSet(codec.Limits{MaxPixels: o.MaxPixels}), crop: crop}
	step := max(src.Len()/forecastPictures, 1)
	for i := 0; i < src.Len() && ctx.Err() == nil; i += step {
		if data, err := os.ReadFile(src.Path(i)); err == nil {
			m.measure(rng.Key(i), data)
		}
	}
	return m.mean(), ctx.Err()
}

type forecaster struct {
	set           *codec.Set
	crop          *transform.Pipeline
	pixels        []byte
	sum           Forecast
	files, stored float64
}

func (m *forecaster) measure(key rng.Key, data []byte) {
	info, err := m.set.Info(data)
	if err != nil || info.Format != codec.JPEG {
		return
	}
	recoded, err := jpeg.Recode(data)
	if err != nil {
		return
	}
	index, err := m.set.AppendIndex(nil, data, codec.JPEG, codec.DefaultIndexStep)
	if err != nil {
		return
	}
	d := m.crop.Decide(key, info)
	indexed := m.time(data, codec.Request{Region: d.Region, Index: index, Checked: true})
	quick := m.time(recoded, codec.Request{Region: d.Region})
	if indexed <= 0 || quick <= 0 {
		return
	}
	m.sum.Pictures++
	m.sum.Indexed += indexed
	m.sum.Recoded += quick
	m.files += float64(len(data))
	m.stored += float64(len(recoded))
}

// time returns the seconds of the fastest of a few decodings, or 0.
func (m *forecaster) time(data []byte, req codec.Request) float64 {
	size := req.Region.Size()
	dst := pixel.Grow(&m.pixels, size.X, size.Y)
	best := math.Inf(1)
	for range 3 {
		begin := time.Now()
		if err := m.set.Decode(data, codec.JPEG, req, dst); err != nil {
			return 0
		}
		best = min(best, time.Since(begin).Seconds())
	}
	return best
}

func (m *forecaster) mean() Forecast {
	f := m.sum
	if f.Pictures > 0 {
		f.Bytes = m.stored / m.files
		f.Indexed /= float64(f.Pictures)
		f.Recoded /= float64(f.Pictures)
	}
	return f
}
