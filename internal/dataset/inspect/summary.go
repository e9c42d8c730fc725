// Package inspect says what is in a dataset: counts, distributions, and a sheet
// of sample pictures. It reads the index, and blobs only for the sheet. It starts
// no goroutine.
package inspect

import (
	"context"
	"encoding/json"
	"math"
	"slices"

	"stoker/internal/codec"
	"stoker/internal/dataset"
)

// maxValues bounds the memory for distributions: of larger datasets every n-th
// sample counts for them.
const maxValues = 4 << 20

// Summary is what `stoker inspect` tells.
type Summary struct {
	Dir         string          `json:"dataset"`
	Kind        string          `json:"kind"`
	CreatedBy   string          `json:"created_by"`
	Fingerprint string          `json:"fingerprint"`
	Options     json.RawMessage `json:"options,omitempty"`
	Samples     int64           `json:"samples"`
	Shards      int             `json:"shards"`
	Bytes       int64           `json:"bytes"`       // of all files
	BlobBytes   int64           `json:"image_bytes"` // of the samples alone
	Bad         int64           `json:"bad"`         // lines of the ledger
	Repeated    bool            `json:"repeated,omitempty"`
	Classes     []Count         `json:"classes"` // by label
	Unlabeled   int64           `json:"unlabeled"`
	Formats     []Count         `json:"formats"` // those that occur
	Turned      int64           `json:"turned"`  // samples whose EXIF orientation is not 1
	Width       Distribution    `json:"width"`   // stored pixels
	Height      Distribution    `json:"height"`
	Length      Distribution    `json:"length"` // bytes of a sample
	Fields      []FieldFacts    `json:"fields"`

	// Of sequences.
	Sequence  *dataset.Sequence `json:"sequence,omitempty"`
	Tokenizer *dataset.Tokens   `json:"tokenizer,omitempty"`
	Tokens    *Distribution     `json:"tokens,omitempty"` // elements of a sample
	Total     int64             `json:"total_tokens,omitempty"`
	Padding   float64           `json:"padding_to_longest,omitempty"` // share of padding where all are padded to the longest
}

// Count is how often something occurs.
type Count struct {
	Name    string `json:"name"`
	Samples int64  `json:"samples"`
}

// FieldFacts describes the values of a further field. Min and Max are numbers, or
// nil where there are none; of a bool they are 0 and 1.
type FieldFacts struct {
	dataset.Field
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
}

// Summarize reads the index of d. Errors: Corrupt, or that ctx ended.
func Summarize(ctx context.Context, d *dataset.Dataset) (*Summary, error) {
	m := d.Manifest()
	s := &Summary{Dir: d.Dir(), Kind: m.Kind, CreatedBy: m.CreatedBy, Fingerprint: m.Fingerprint, Options: m.Options,
		Samples: m.Samples, Shards: len(m.Shards), Bytes: m.Bytes(), Bad: m.Bad, Repeated: m.Repeated,
		Classes: make([]Count, len(m.Classes)), Formats: []Count{}, Fields: []FieldFacts{}}
	for i, name := range m.Classes {
		s.Classes[i].Name = name
	}
	s.Sequence, s.Tokenizer = d.Sequence(), m.Tokens
	if err := s.samples(ctx, d); err != nil {
		return nil, err
	}
	for _, f := range m.Further() {
		facts, err := fieldFacts(ctx, d, f)
		if err != nil {
			return nil, err
		}
		s.Fields = append(s.Fields, facts)
	}
	return s, nil
}

// samples counts what the format's own columns say.
func (s *Summary) samples(ctx context.Context, d *dataset.Dataset) error {
	var formats [256]int64
	stride := d.Len()/maxValues + 1
	values := make([][]int64, 4)
	for i := range d.Len() {
		if i%65536 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row, err := d.Sample(i)
		if err != nil {
			return err
		}
		s.BlobBytes += row.Length
		s.Total += int64(row.Tokens)
		formats[row.Format]++
		if row.Orientation > 1 {
			s.Turned++
		}
		if row.Label >= 0 && row.Label < int64(len(s.Classes)) {
			s.Classes[row.Label].Samples++
		} else if row.Label < 0 {
			s.Unlabeled++
		}
		if i%stride == 0 {
			for j, v := range [...]int64{int64(row.Width), int64(row.Height), row.Length, int64(row.Tokens)} {
				values[j] = append(values[j], v)
			}
		}
	}
	for f, n := range formats {
		if n > 0 {
			s.Formats = append(s.Formats, Count{codec.Format(f).String(), n})
		}
	}
	s.Width, s.Height, s.Length = Describe(values[0]), Describe(values[1]), Describe(values[2])
	if s.Sequence != nil {
		tokens := Describe(values[3])
		s.Tokens = &tokens
		if tokens.Max > 0 {
			s.Padding = 1 - tokens.Mean/float64(tokens.Max)
		}
	}
	return nil
}

func fieldFacts(ctx context.Context, d *dataset.Dataset, f dataset.Field) (FieldFacts, error) {
	facts := FieldFacts{Field: f}
	if f.Type == dataset.Utf8 {
		return facts, nil
	}
	c, err := d.Column(f.Name)
	if err != nil {
		return facts, err
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range d.Len() {
		if i%65536 == 0 && ctx.Err() != nil {
			return facts, ctx.Err()
		}
		if v, ok := number(c, i); ok && !math.IsNaN(v) && !math.IsInf(v, 0) { // JSON has no others
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if lo <= hi {
		facts.Min, facts.Max = &lo, &hi
	}
	return facts, nil
}

// number returns the value of sample i as a number.
func number(c dataset.Column, i int64) (v float64, ok bool) {
	switch c.Type() {
	case dataset.Float64:
		return c.Float64(i)
	case dataset.Bool:
		b, ok := c.Bool(i)
		if b {
			return 1, ok
		}
		return 0, ok
	default:
		n, ok := c.Int64(i)
		return float64(n), ok
	}
}

// Distribution describes many whole numbers.
type Distribution struct {
	Min    int64   `json:"min"`
	P5     int64   `json:"p5"`
	P25    int64   `json:"p25"`
	Median int64   `json:"median"`
	P75    int64   `json:"p75"`
	P95    int64   `json:"p95"`
	Max    int64   `json:"max"`
	Mean   float64 `json:"mean"`
	Bins   []Bin   `json:"histogram"`
}

// Bin is one bar of a histogram: the numbers from From up to, not including, To.
type Bin struct {
	From  int64 `json:"from"`
	To    int64 `json:"to"`
	Count int64 `json:"count"`
}

// Describe sorts values and describes them.
func Describe(values []int64) Distribution {
	n := len(values)
	if n == 0 {
		return Distribution{Bins: []Bin{}}
	}
	slices.Sort(values)
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	at := func(p float64) int64 { return values[int(p*float64(n-1)+0.5)] }
	d := Distribution{Min: values[0], P5: at(0.05), P25: at(0.25), Median: at(0.5), P75: at(0.75), P95: at(0.95),
		Max: values[n-1], Mean: sum / float64(n)}
	d.Bins = bins(values)
	return d
}

// maxBins is the number of bars that still fit a screen with two histograms.
const maxBins = 12

// bins counts sorted values in bins of one round width from the 1st to the 99th
// percentile; the first and the last bin take in what lies beyond, so that a few
// extreme values do not squeeze all others into one bar.
func bins(values []int64) []Bin {
	n := len(values)
	lo, hi := values[n/100], values[n-1-n/100]
	width := roundWidth(float64(hi-lo+1) / maxBins)
	var out []Bin
	i := 0
	for from := lo / width * width; from <= hi; from += width {
		b := Bin{From: from, To: from + width}
		for i < n && (values[i] < b.To || b.To > hi) {
			b.Count++
			i++
		}
		out = append(out, b)
	}
	out[0].From = min(out[0].From, values[0])
	out[len(out)-1].To = max(out[len(out)-1].To, values[n-1]+1)
	return out
}

// roundWidth returns the next of 1, 2, 5, 10, 20, 50, ...
func roundWidth(w float64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, f := range []int64{1, 2, 5} {
			if float64(f*unit) >= w {
				return f * unit
			}
		}
	}
}
