package calibrate

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"stoker/internal/dataset"
	"stoker/internal/engine"
	"stoker/internal/transform"
)

// decodeBlock is how long one block of decoding lasts.
const decodeBlock = 600 * time.Millisecond

// preset is the pipeline that decoding is measured with, that of `stoker bench`
// and of most image trainings.
const preset = `{"ops": [{"op": "random_resized_crop", "size": [224, 224]}, {"op": "horizontal_flip", "p": 0.5}]}`

// decode feeds the sampled pictures, from the page cache, through the engine's
// own pipeline on one core, two, and all.
func (c *calibrator) decode(ctx context.Context, s *sample) (p part, err error) {
	if err := c.packed(ctx, s); err != nil {
		return p, err
	}
	counts := []int{1}
	if c.cores > 2 {
		counts = append(counts, 2)
	}
	if c.cores > 1 {
		counts = append(counts, c.cores)
	}
	for _, cores := range counts {
		f, err := c.openFeed(ctx, s, cores)
		if err != nil {
			return p, err
		}
		row := Row{ID: "decode.all", Group: "decode", Name: fmt.Sprintf("all %d cores", cores), Typical: "300 a core with Pillow"}
		switch cores {
		case 1:
			row.ID, row.Name = "decode.core", "one core"
			if c.cores == 1 {
				row.ID = "decode.all"
			}
			row.Typical = "300 Pillow, 600 libjpeg-turbo"
		case c.cores:
		default:
			row.ID, row.Name = "decode.two", "two cores"
		}
		if c.report.Data.Sequences {
			row.Typical = ""
		}
		p.items = append(p.items, &item{row: row, unit: "samples/s", cores: cores, block: f.block})
	}
	p.tell = c.scaling
	if c.report.Data.Kind != "made" {
		it, err := c.reference(ctx)
		if err != nil {
			return p, err
		}
		p.items = append(p.items, it)
	}
	return p, nil
}

// reference is the figure of pictures that are the same on every machine, so that
// machines can be compared that have seen different data.
func (c *calibrator) reference(ctx context.Context) (*item, error) {
	made := &calibrator{Options: c.Options, report: &Report{Machine: c.report.Machine}, cores: c.cores, temp: c.temp}
	c.atEnd(made.end)
	dir, err := made.makePictures()
	if err != nil {
		return nil, err
	}
	f, err := made.openFeed(ctx, &sample{dir: dir}, c.cores)
	if err != nil {
		return nil, err
	}
	return &item{row: Row{ID: "decode.reference", Group: "decode", Name: "made pictures, all cores", Typical: "300 a core with Pillow"},
		unit: "samples/s", cores: c.cores, block: f.block}, nil
}

// scaling adds how much of N cores' work N cores do, beside one.
func (c *calibrator) scaling() {
	one, all := c.report.Row("decode.core"), c.report.Row("decode.all")
	if one == nil || all == nil || one.Value.Low == 0 || one.Value.High == 0 {
		return
	}
	n := float64(c.cores)
	a, b := &one.Value, &all.Value
	c.add(Row{ID: "decode.scaling", Group: "decode", Name: fmt.Sprintf("%d cores beside %d times one", c.cores, c.cores), Typical: "90 % cores, 60 % their threads",
		Value: Value{Mid: b.Mid / a.Mid / n, Low: b.Low / a.High / n, High: b.High / a.Low / n, Unit: "share", Blocks: b.Blocks}})
}

// feed is a session on some cores.
type feed struct {
	session *engine.Session
	cores   int
	lasts   time.Duration // a block
	serial  bool          // more than computing on all cores: planning is one goroutine's
	full    float64       // cores that it keeps busy where nobody disturbs it, as seen so far
}

// openFeed opens a session with a budget of so many cores, until the end.
func (c *calibrator) openFeed(ctx context.Context, s *sample, cores int) (*feed, error) {
	o := engine.Options{Dataset: s.dir, BatchSize: batchOf(&c.report.Data), Shuffle: true, Budget: engine.NewBudget(cores, 0)}
	if !c.report.Data.Sequences {
		spec, err := transform.ParseSpec([]byte(preset))
		if err != nil {
			return nil, err
		}
		d, err := dataset.Open(s.dir) // the session closes it
		if err != nil {
			return nil, err
		}
		o.Transform, o.Fields, o.Source = spec, []string{"image"}, d
		if int64(len(s.indices)) < d.Len() && s.indices != nil {
			o.Source = &some{Dataset: d, indices: s.indices}
		}
	}
	session, err := engine.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	c.atEnd(func() { session.Close() }) //nolint:errcheck // only memory is given back
	return &feed{session: session, cores: cores, lasts: c.block(decodeBlock), serial: c.report.Data.Sequences}, nil
}

// batchOf is the batch size: that of bench for sequences, which take no time, and
// of pictures so many that a block has several batches.
func batchOf(d *Data) int {
	switch {
	case d.Sequences:
		return 256
	case d.MeanBytes > 1e6:
		return 8
	case d.MeanBytes > 300e3:
		return 32
	}
	return 64
}

// block takes batches for some time. What was made ahead while others were
// measured is taken before the clock starts.
func (f *feed) block(ctx context.Context) (float64, error) {
	for range f.session.Info().Slots {
		if _, err := f.take(ctx); err != nil {
			return 0, err
		}
	}
	var samples int64
	start, from := time.Now(), look(0)
	for time.Since(start) < f.lasts || samples == 0 {
		n, err := f.take(ctx)
		if err != nil {
			return 0, err
		}
		samples += int64(n)
	}
	return f.rate(float64(samples), from.until(look(0)), time.Since(start).Seconds()), nil
}

func (f *feed) take(ctx context.Context) (int, error) {
	b, err := f.session.Next(ctx)
	if err != nil {
		return 0, err
	}
	n := b.Rows
	return n, b.Release()
}

// rate is samples a second, fair to a machine that others keep busy.
func (f *feed) rate(samples float64, load Load, wall float64) float64 {
	if f.serial {
		return samples / wall
	}
	if !load.disturbs(f.cores) {
		f.full = max(f.full, load.Own)
	}
	return load.fair(samples/wall, cmp.Or(f.full, float64(f.cores)))
}

// some is a dataset of some samples of another. Every method of engine.Source that
// takes the number of a sample is to turn it into the one there.
type some struct {
	*dataset.Dataset
	indices []int64
}

func (p *some) Len() int64 { return int64(len(p.indices)) }

func (p *some) Sample(i int64) (dataset.Sample, error) { return p.Dataset.Sample(p.indices[i]) }

func (p *some) Key(i int64) string { return p.Dataset.Key(p.indices[i]) }

func (p *some) Read(s *dataset.Sample, i int64, dst []byte) ([]byte, error) {
	return p.Dataset.Read(s, p.indices[i], dst)
}

func (p *some) AppendEntropy(dst []byte, i int64, s *dataset.Sample) []byte {
	return p.Dataset.AppendEntropy(dst, p.indices[i], s)
}

func (p *some) AppendParts(dst []byte, i int64, s *dataset.Sample) []byte {
	return p.Dataset.AppendParts(dst, p.indices[i], s)
}

func (p *some) ReadRange(s *dataset.Sample, i, offset, length int64, dst []byte) ([]byte, error) {
	return p.Dataset.ReadRange(s, p.indices[i], offset, length, dst)
}
