package calibrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/pack"
	"stoker/internal/source"
)

// Data says what was measured with.
type Data struct {
	Kind       string  `json:"kind"` // "dataset", "folder", "made"
	Path       string  `json:"path,omitempty"`
	Samples    int64   `json:"samples"`
	Bytes      int64   `json:"bytes"`
	AtLeast    bool    `json:"at_least,omitempty"` // a folder that was not counted to its end
	Sampled    int     `json:"sampled"`            // samples that were measured
	MeanBytes  float64 `json:"mean_bytes"`         // of them
	Sequences  bool    `json:"sequences,omitempty"`
	FileSystem string  `json:"file_system,omitempty"`
	Mounted    string  `json:"mounted,omitempty"` // device or server
	Network    bool    `json:"network,omitempty"` // a mount of another machine
	// Cached is the share of the sampled bytes that the page cache held before
	// anything was measured; -1 unknown.
	Cached float64 `json:"cached"`
	// Fits says that all of it fits into the memory that is free: a second epoch
	// comes from the page cache.
	Fits bool `json:"fits"`
}

// extent is where the bytes of a sample lie.
type extent struct {
	path           string
	offset, length int64
	whole          bool // the file is the sample: it is opened for each reading
}

// sample is what is measured of the data.
type sample struct {
	extents []extent
	dataset *dataset.Dataset // nil for a folder until it is packed
	dir     string           // of the dataset
	indices []int64          // of the samples in it; nil: all
	files   []string         // of a folder
}

func (s *sample) close() {
	if s != nil && s.dataset != nil {
		s.dataset.Close() //nolint:errcheck // only read
	}
}

// Bounds of the sample: enough for a mean good to a few percent, and little
// enough to be read cold several times from a slow disk.
const (
	maxSampled      = 384
	maxSampledBytes = 192 << 20
)

// openData picks the samples.
func (c *calibrator) openData(ctx context.Context) (*sample, error) {
	s := &sample{}
	d := &c.report.Data
	d.Path, d.Cached = c.Data, -1
	var err error
	switch {
	case c.Data == "":
		d.Kind = "made"
		if s.dir, err = c.makePictures(); err != nil {
			return nil, err
		}
		c.note("no data was given: reading and decoding were measured with pictures that are made (%d x %d), on the temporary folder's disk", madeWidth, madeHeight)
		err = c.openDataset(s)
	case isDataset(c.Data):
		d.Kind, s.dir = "dataset", c.Data
		err = c.openDataset(s)
	default:
		d.Kind = "folder"
		err = c.openFolder(ctx, s)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	place := s.extents[0].path
	d.FileSystem, d.Mounted, d.Network = mountOf(place)
	d.Sampled = len(s.extents)
	for _, x := range s.extents {
		d.MeanBytes += float64(x.length) / float64(len(s.extents))
	}
	d.Cached = cachedShare(s.extents)
	d.Fits = c.report.Machine.FreeBytes > 0 && float64(d.Bytes) < cacheable*float64(c.report.Machine.FreeBytes) && !d.AtLeast
	return s, nil
}

// cacheable is the part of the free memory that a dataset may fill and still be
// there in the next epoch: the trainer wants some, too.
const cacheable = 0.8

// isDataset tells a dataset from a folder: its manifest is there, or its name
// says that it should be.
func isDataset(path string) bool {
	_, err := os.Stat(filepath.Join(path, "manifest.json"))
	return err == nil || strings.HasSuffix(filepath.Clean(path), ".stk")
}

// openDataset picks samples all over the dataset, the same ones each time.
func (c *calibrator) openDataset(s *sample) error {
	d, err := dataset.Open(s.dir)
	if err != nil {
		return err
	}
	s.dataset = d
	m := d.Manifest()
	facts := &c.report.Data
	facts.Samples, facts.Bytes, facts.Sequences = m.Samples, m.Bytes(), m.Kind != dataset.KindImages
	if m.Samples == 0 {
		return errs.New(errs.Invalid, "the dataset is empty").At(s.dir)
	}
	var total int64
	for _, i := range spread(m.Samples, maxSampled) {
		row, err := d.Sample(i)
		if err != nil {
			return err
		}
		if total += row.Length; total > maxSampledBytes && len(s.extents) >= enough {
			break
		}
		s.indices = append(s.indices, i)
		s.extents = append(s.extents, extent{path: filepath.Join(s.dir, m.Shards[row.Shard].File), offset: row.Offset, length: row.Length})
	}
	return nil
}

// spread returns at most most of the numbers below n, evenly spaced, in an order
// that jumps: neighbours on the disk are not read one after the other.
func spread(n int64, most int) []int64 {
	k := min(n, int64(most))
	var all []int64
	stride := max(k*5/8, 1) // visits all where it shares no factor with k
	for gcd(stride, k) != 1 {
		stride++
	}
	for i, at := int64(0), int64(0); i < k; i, at = i+1, (at+stride)%k {
		all = append(all, at*n/k)
	}
	return all
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// walkLimit bounds the counting of a folder: one of a million files on a network
// share would take longer than the rest.
const walkLimit = 4 * time.Second

// openFolder lists the pictures of a folder and picks some.
func (c *calibrator) openFolder(ctx context.Context, s *sample) error {
	type file struct {
		path string
		size int64
	}
	var all []file
	facts := &c.report.Data
	end := time.Now().Add(walkLimit)
	err := filepath.WalkDir(c.Data, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && path == c.Data:
			return err
		case err != nil: // a folder that may not be read is none of ours
			return nil
		case ctx.Err() != nil || time.Now().After(end):
			facts.AtLeast = true
			return filepath.SkipAll
		case e.IsDir() || !source.IsPicture(path):
			return nil
		}
		info, err := os.Stat(path) // of what a link leads to
		if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			return nil //nolint:nilerr // a file that went is no picture
		}
		facts.Samples++
		facts.Bytes += info.Size()
		all = append(all, file{path, info.Size()})
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return errs.New(errs.NotFound, "there is no such dataset or folder").At(c.Data).
			WithHint("%s", errs.Beside(c.Data, "give a packed dataset or a folder of pictures; without one: stoker calibrate"))
	}
	if err != nil {
		return errs.New(errs.Permission, "cannot read the folder: %w", err).At(c.Data)
	}
	if len(all) == 0 {
		return errs.New(errs.Invalid, "holds no pictures").At(c.Data).
			WithHint("give a packed dataset, or a folder with .jpg, .png, .webp, .gif or .bmp files; without one: stoker calibrate")
	}
	if facts.AtLeast {
		c.note("counting the folder was given up after %.0f s at %d pictures: it holds more", walkLimit.Seconds(), len(all))
	}
	var total int64
	for _, i := range spread(int64(len(all)), maxSampled) {
		if total += all[i].size; total > maxSampledBytes && len(s.extents) >= enough {
			break
		}
		s.extents = append(s.extents, extent{path: all[i].path, length: all[i].size, whole: true})
		s.files = append(s.files, all[i].path)
	}
	return nil
}

// packed packs the sampled files of a folder into the temporary folder, as
// `stoker pack` would, so that the engine can read them.
func (c *calibrator) packed(ctx context.Context, s *sample) error {
	if s.dataset != nil {
		return nil
	}
	links := filepath.Join(c.temp, "sample")
	if err := os.Mkdir(links, 0o700); err != nil {
		return errs.New(errs.Exhausted, "cannot make a temporary folder: %w", err)
	}
	for i, path := range s.files {
		target, err := filepath.Abs(path)
		if err == nil {
			err = os.Symlink(target, filepath.Join(links, fmt.Sprintf("%04d%s", i, strings.ToLower(filepath.Ext(path)))))
		}
		if err != nil {
			return errs.New(errs.Exhausted, "cannot link a sample: %w", err).At(path)
		}
	}
	s.dir = filepath.Join(c.temp, "sample.stk")
	sum, err := pack.Run(ctx, pack.Options{Source: source.Options{Root: links}, Output: s.dir, Baseline: true, EntropyStep: codec.DefaultIndexStep, SkipBad: true})
	if err != nil {
		return err
	}
	if n := len(sum.Bad); n > 0 {
		c.note("%d of %d sampled files are no good pictures, such as %s: %s", n, len(s.files), sum.Bad[0].Path, sum.Bad[0].Reason)
	}
	s.dataset, err = dataset.Open(s.dir)
	return err
}
