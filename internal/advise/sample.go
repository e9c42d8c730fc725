package advise

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"stoker/internal/batching"
	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/pack"
	"stoker/internal/source"
	"stoker/internal/text"
	"stoker/internal/textpack"
)

// How much is sampled: enough for the mean cost of a sample within a few percent, and
// packed within a few seconds.
const (
	samplePictures = 256
	sampleRows     = 4000
	sampleBytes    = 256 << 20
)

// sample is a part of the data, packed.
type sample struct {
	dir       string // temporary, of the caller
	dataset   string
	samples   int
	pictures  int     // 0 for text
	shortSide float64 // of the pictures, mean
	rate      float64 // samples packed in a second
	bytes     float64 // of one packed sample, mean
	lengths   []int32 // of the sequences
}

// take packs a sample of the data under dir.
func (d data) take(ctx context.Context, dir string) (*sample, error) {
	if d.texts {
		return d.takeText(ctx, dir)
	}
	links := filepath.Join(dir, "files")
	n, err := d.link(links)
	if err != nil {
		return nil, err
	}
	s := &sample{dir: dir, pictures: n}
	return s, s.pack(ctx, "sample.stk", pack.Resize{})
}

// link makes a folder of links to pictures that lie evenly over the data.
func (d data) link(to string) (int, error) {
	files := spread(d.path, samplePictures)
	if len(files) == 0 {
		return 0, errs.New(errs.NotFound, "no pictures").At(d.path)
	}
	var bytes int64
	for i, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if bytes += info.Size(); bytes > sampleBytes && i >= 16 {
			return i, nil
		}
		class := filepath.Join(to, filepath.Base(filepath.Dir(path)))
		if err := os.MkdirAll(class, 0o700); err != nil {
			return 0, errs.New(errs.Permission, "sample: %w", err)
		}
		link := filepath.Join(class, fmt.Sprintf("%04d%s", i, strings.ToLower(filepath.Ext(path))))
		if err := os.Symlink(path, link); err != nil {
			return 0, errs.New(errs.Permission, "sample: %w", err)
		}
	}
	return len(files), nil
}

// spread finds up to n pictures below root, evenly: every directory gives equally many,
// as far as it has them. It reads each directory's names once and at most n of them.
func spread(root string, n int) []string {
	own, dirs := names(root)
	if len(dirs) == 0 {
		return pick(own, n)
	}
	var files []string
	chosen := pick(dirs, n)
	for i, dir := range chosen {
		want := (n - len(files) + len(chosen) - i - 1) / (len(chosen) - i)
		files = append(files, spread(dir, want)...)
	}
	return append(files, pick(own, n-len(files))...)
}

// names lists the pictures and the directories in dir, in order.
func names(dir string) (files, dirs []string) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil
	}
	for _, e := range list {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path) // follows links
		switch {
		case err != nil || strings.HasPrefix(e.Name(), "."):
		case info.IsDir():
			dirs = append(dirs, path)
		case source.IsPicture(e.Name()):
			files = append(files, path)
		}
	}
	return files, dirs
}

// pick takes n of list, evenly.
func pick(list []string, n int) []string {
	if n <= 0 || len(list) <= n {
		return list[:max(min(n, len(list)), 0)]
	}
	out := make([]string, n)
	for i := range out {
		out[i] = list[i*len(list)/n]
	}
	return out
}

// pack makes a dataset of the linked pictures, as `stoker pack` does by default.
func (s *sample) pack(ctx context.Context, name string, resize pack.Resize) error {
	s.dataset = filepath.Join(s.dir, name)
	o := pack.Options{Output: s.dataset, Baseline: true, EntropyStep: codec.DefaultIndexStep, SkipBad: true, Resize: resize}
	o.Source.Root = filepath.Join(s.dir, "files")
	sum, err := pack.Run(ctx, o)
	if err != nil {
		return err
	}
	s.samples, s.rate, s.bytes = int(sum.Samples), sum.FilesPerS, float64(sum.Bytes)/float64(sum.Samples)
	d, err := dataset.Open(s.dataset)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read
	s.shortSide = 0
	for i := range d.Len() {
		one, err := d.Sample(i)
		if err != nil {
			return err
		}
		s.shortSide += float64(min(one.Width, one.Height)) / float64(d.Len())
	}
	return nil
}

// resized packs the same files once more, smaller.
func (s *sample) resized(ctx context.Context, short int) (*sample, error) {
	small := *s
	return &small, small.pack(ctx, "small.stk", pack.Resize{Short: short})
}

// takeText packs the first rows. Their ids do not matter for the time, only their
// lengths: words are counted where the run's own tokenizer is not known.
func (d data) takeText(ctx context.Context, dir string) (*sample, error) {
	s := &sample{dir: dir, dataset: filepath.Join(dir, "sample.stk")}
	o := textpack.Options{Source: d.path, Output: s.dataset, Tokenizer: "words", Limit: sampleRows, NoFields: true, SkipBad: true}
	field, numbers, err := longestField(d.path)
	if err != nil {
		return nil, err
	}
	if o.Field = field; numbers {
		o.Tokenizer = ""
	}
	sum, err := textpack.Run(ctx, o)
	if err != nil {
		return nil, err
	}
	s.samples, s.rate, s.bytes = int(sum.Samples), sum.RowsPerS, float64(sum.Bytes)/float64(max(sum.Samples, 1))
	packed, err := dataset.Open(s.dataset)
	if err != nil {
		return nil, err
	}
	defer packed.Close() //nolint:errcheck // only read
	s.lengths, err = packed.Lengths()
	return s, err
}

// longestField is the field that holds most text in the first rows, or else most
// numbers; "" where the rows are files of text.
func longestField(path string) (field string, numbers bool, err error) {
	files, err := text.Find(path, text.ReadOptions{})
	if err != nil || !files.Columned() {
		return "", false, err
	}
	reader := files.Reader(0)
	defer reader.Close() //nolint:errcheck // only read
	var c text.Chunk
	if err := reader.Next(&c); err != nil {
		return "", false, errs.New(errs.NotFound, "no rows: %w", err).At(path)
	}
	texts, lists := map[string]int{}, map[string]int{}
	var row text.Record
	for i := range c.Len() {
		if c.Parse(i, &row) != nil {
			continue
		}
		for _, m := range row {
			switch m.Kind {
			case text.Text, text.Plain:
				texts[m.Name] += len(m.Text)
			case text.Numbers:
				lists[m.Name] += len(m.Ints) + len(m.Floats)
			}
		}
	}
	if field = most(texts); field != "" {
		return field, false, nil
	}
	return most(lists), true, nil
}

// most is the name with the greatest number, the first by name of equal ones.
func most(counts map[string]int) string {
	best := ""
	for name, n := range counts {
		if best == "" || n > counts[best] || n == counts[best] && name < best {
			best = name
		}
	}
	return best
}

// padding is the share of a batch that fills short sequences up, where batches are
// taken in random order and padded to their longest; -1 for pictures.
func (s *sample) padding(batch int) float64 {
	if len(s.lengths) < 2*batch {
		return -1
	}
	p, err := batching.New(batching.Spec{Lengths: s.lengths, Shuffle: true, Geometry: batching.Geometry{BatchSize: batch, World: 1, Micro: 1}, Way: batching.Fixed{}})
	if err != nil {
		return -1
	}
	r, err := p.Measure(2)
	if err != nil {
		return -1
	}
	return r.Padding
}
