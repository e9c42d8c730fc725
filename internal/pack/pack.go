// Package pack makes a dataset of a folder of pictures: `stoker pack`.
//
//	source.Scan -> read and check, in parallel -> in order -> dataset.Writer
//
// The result depends on the source and the options that its manifest records,
// never on the number of workers, on memory or on interruptions: pictures are
// worked on in any order and written in that of the source, and a run that was
// killed continues behind the last record batch on the disk.
//
// Run starts one goroutine that hands out work and Workers that do it, waits for
// all, and writes from its own. Memory is bounded by two budgets of MemoryBytes,
// one for files read and one for pixels; what is larger than a budget goes
// through alone.
package pack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/source"
	"stoker/internal/sysinfo"
)

// Summary says what was packed. The JSON names are those of `stoker pack --json`.
type Summary struct {
	Output      string           `json:"output"`
	Layout      string           `json:"layout"` // "class folders", "flat folder", "labels file"
	Samples     int64            `json:"samples"`
	Bytes       int64            `json:"bytes"`        // of all files of the dataset
	SourceBytes int64            `json:"source_bytes"` // of all files listed
	Shards      int              `json:"shards"`
	Classes     []string         `json:"classes"`
	Fields      []dataset.Field  `json:"fields"` // the key, then the labels file's further columns
	Fingerprint string           `json:"fingerprint"`
	Bad         []dataset.BadRow `json:"bad"`     // left out
	Damaged     []dataset.BadRow `json:"damaged"` // packed, though their data are damaged behind the header
	Notes       []string         `json:"notes"`   // what the scan left out or found odd

	// Of this run: a run that continues another counts its own part.
	Resumed   int64   `json:"resumed"` // files done by earlier runs
	Seconds   float64 `json:"seconds"`
	FilesPerS float64 `json:"files_per_s"`
	MBPerS    float64 `json:"mb_per_s"` // 10^6 bytes of source
}

// Run packs. Errors are *errs.Error: Invalid and NotFound for the options and
// the source; the kind of the first bad picture where SkipBad is not set;
// Mismatch where an unfinished dataset of that name has other options, or what it
// has of the source has changed; Canceled after ctx ended; Exhausted, Permission, Transient from the
// disk. After all of them what was written is kept, and the same call continues.
func Run(ctx context.Context, o Options) (*Summary, error) {
	start := time.Now()
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := checkOutput(o.Output, o.Overwrite); err != nil {
		return nil, err
	}
	src, err := scan(ctx, o)
	if err != nil {
		return nil, err
	}
	w, err := dataset.NewWriter(o.Output, dataset.WriterOptions{
		Classes: src.Classes, Fields: types(src.Fields), CreatedBy: o.CreatedBy, Options: o.recipe(),
		Source: src.Layout.String(), Overwrite: o.Overwrite, Restart: o.Restart,
	})
	if err != nil {
		return nil, err
	}
	p := &packer{opts: &o, src: src, writer: w}
	defer w.Close() //nolint:errcheck // after Commit it does nothing; before, another error is on its way
	if err := p.resume(); err != nil {
		return nil, err
	}
	if err := p.run(ctx); err != nil {
		return nil, p.explain(ctx, err)
	}
	if err := p.index(ctx); err != nil {
		return nil, p.explain(ctx, err)
	}
	return p.commit(start)
}

// index builds the entropy indexes, where they are wanted.
func (p *packer) index(ctx context.Context) error {
	done, _ := p.writer.Done()
	if p.opts.EntropyStep == 0 || done == 0 {
		return nil
	}
	p.opts.Progress.Phase("indexing", "files", done, 0)
	err := p.writer.IndexEntropy(ctx, dataset.EntropyOptions{Step: p.opts.EntropyStep,
		Workers: min(p.opts.Workers, sysinfo.Read().Cores), Progress: func(n int64) { p.opts.Progress.Add(n, 0) },
		Damaged: func(b dataset.BadRow) { p.damaged = append(p.damaged, b) }})
	if err == nil && len(p.damaged) > 0 && !p.opts.SkipBad {
		return damagedError(p.src.Root, p.damaged)
	}
	return err
}

// checkOutput refuses before a long scan what dataset.NewWriter would after it.
func checkOutput(output string, overwrite bool) error {
	if err := dataset.CheckTarget(output, overwrite); err != nil {
		return err
	}
	parent := filepath.Dir(output)
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		return errs.New(errs.NotFound, "the folder %s, in which it is to be made, does not exist", parent).At(output).
			WithHint("make it first: mkdir -p %s", parent)
	}
	return nil
}

// partial is where dataset.Writer keeps the unfinished dataset.
func partial(output string) string {
	if real, err := filepath.EvalSymlinks(output); err == nil {
		output = real
	}
	return output + ".partial"
}

func scan(ctx context.Context, o Options) (*source.Source, error) {
	so := o.Source
	so.Exclude = append([]string{o.Output, partial(o.Output)}, so.Exclude...)
	o.Progress.Phase("scanning", "files", 0, 0)
	seen := 0
	so.Found = func(files int) {
		o.Progress.Add(int64(files-seen), 0)
		seen = files
	}
	src, err := source.Scan(ctx, so)
	if err != nil {
		return nil, err
	}
	switch {
	case len(src.Bad) > 0 && !o.SkipBad:
		return nil, scanBadError(src)
	case src.Len() == 0:
		return nil, allBadError(src, nil)
	}
	return src, nil
}

// commit completes the dataset and counts.
func (p *packer) commit(start time.Time) (*Summary, error) {
	p.opts.Progress.Phase("finishing", "", 0, 0)
	done, bad := p.writer.Done()
	if done == 0 {
		return nil, allBadError(p.src, bad)
	}
	ledger := append([]dataset.BadRow{}, p.src.Bad...)
	for _, b := range p.damaged {
		ledger = append(ledger, dataset.BadRow{Path: b.Path, Reason: "packed, but damaged: " + b.Reason})
	}
	m, err := p.writer.Commit(ledger)
	if err != nil {
		return nil, p.keepHint(err)
	}
	s := &Summary{Output: p.opts.Output, Layout: p.src.Layout.String(), Samples: m.Samples, Bytes: m.Bytes(),
		SourceBytes: p.src.Bytes(), Shards: len(m.Shards), Classes: m.Classes, Fields: m.Fields,
		Fingerprint: m.Fingerprint, Bad: append(bad, p.src.Bad...), Damaged: append([]dataset.BadRow{}, p.damaged...), Notes: p.src.Notes, Resumed: int64(p.first)}
	s.Seconds = time.Since(start).Seconds()
	s.FilesPerS = float64(p.src.Len()-p.first) / s.Seconds
	s.MBPerS = float64(p.bytes) / 1e6 / s.Seconds
	if n := p.converted.Load(); n > 0 && !p.opts.Recode {
		s.Notes = append(s.Notes, fmt.Sprintf("JPEGs of several scans, such as progressive ones, kept as one scan with the same coefficients: %d", n))
	}
	if s.Notes == nil { // a list in JSON, as bad and classes are
		s.Notes = []string{}
	}
	return s, nil
}
