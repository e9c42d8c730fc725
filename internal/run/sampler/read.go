package sampler

import (
	"cmp"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"stoker/internal/errs"
)

// Version of the reports that this package reads and its Python part writes.
const Version = 1

// Bounds of what is read. The Python part keeps well inside them.
const (
	maxReports   = 512     // processes
	maxReportLen = 1 << 20 // bytes of one report
	maxText      = 512     // bytes of one string
	maxList      = 64
	maxRecent    = 2048
	maxEpochs    = 1024
	maxBlocks    = 4096
	maxSeconds   = 1e12
)

// Read returns the reports in dir (rundir.Dir.Probe), by process id. A report
// that is missing, damaged, too large or not a plain file is left out: a report
// is whole or not there. errs.NotFound where the directory is missing: nothing
// was put into the run.
func Read(dir string) ([]Report, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, errs.New(errs.NotFound, "no sampler in this run: %w", err).At(dir)
	}
	defer d.Close()
	var reports []Report
	for len(reports) < maxReports {
		names, err := d.Readdirnames(256)
		for _, name := range names {
			pid, ok := reportPID(name)
			if !ok || len(reports) == maxReports {
				continue
			}
			if r, err := readOne(filepath.Join(dir, name)); err == nil && r.PID == pid {
				reports = append(reports, r)
			}
		}
		if err != nil { // io.EOF
			break
		}
	}
	slices.SortFunc(reports, func(a, b Report) int { return cmp.Compare(a.PID, b.PID) })
	return reports, nil
}

// reportPID returns the process whose report has this name.
func reportPID(name string) (int, bool) {
	base, ok := strings.CutSuffix(name, ".json")
	if !ok {
		return 0, false
	}
	pid, err := strconv.ParseInt(base, 10, 32)
	return int(pid), err == nil && pid > 0 && strconv.FormatInt(pid, 10) == base
}

// readOne opens the file without following a link and without waiting for a
// pipe's writer.
func readOne(path string) (Report, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return Report{}, errs.New(errs.NotFound, "report: %w", err).At(path)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxReportLen {
		return Report{}, errs.New(errs.Corrupt, "report: no plain file of at most %d bytes", maxReportLen).At(path)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxReportLen))
	if err != nil {
		return Report{}, errs.New(errs.Corrupt, "report: %w", err).At(path)
	}
	r, err := Parse(raw)
	if err != nil {
		return Report{}, errs.New(errs.Corrupt, "report: %w", err).At(path)
	}
	return r, nil
}

// Parse decodes one report and puts everything in it inside its bounds.
func Parse(raw []byte) (Report, error) {
	var r Report
	if len(raw) > maxReportLen {
		return r, errs.New(errs.Corrupt, "%d bytes, at most %d", len(raw), maxReportLen)
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return Report{}, errs.New(errs.Corrupt, "%w", err)
	}
	if r.Version != Version {
		return Report{}, errs.New(errs.Unsupported, "version %d, this Stoker reads %d", r.Version, Version)
	}
	r.bound()
	return r, nil
}

func (r *Report) bound() {
	texts(&r.Role, &r.Python, &r.Off)
	if r.Role != RoleMain && r.Role != RoleWorker {
		r.Role = RoleOther
	}
	numbers(&r.Started, &r.Updated, &r.Overhead)
	r.Packages = boundMap(r.Packages, func(s string) string { texts(&s); return s })
	r.Notes = boundTexts(r.Notes)
	r.Loaders = r.Loaders[:min(len(r.Loaders), maxList)]
	for i := range r.Loaders {
		r.Loaders[i].bound()
	}
	r.Steps.bound()
	r.Stacks.bound()
	r.Files = r.Files[:min(len(r.Files), maxList)]
	for i := range r.Files {
		texts(&r.Files[i].Dir)
		counts(&r.Files[i].Seen)
	}
	if d := r.Delay; d != nil {
		texts(&d.State)
		d.Blocks = d.Blocks[:min(len(d.Blocks), maxBlocks)]
		for i := range d.Blocks {
			b := &d.Blocks[i]
			numbers(&b.Added, &b.Seconds, &b.Squares)
			b.Steps = max(0, b.Steps)
		}
		d.fit()
	}
	if h := r.Headspace; h != nil {
		texts(&h.State)
		h.Real.bound()
		h.Replayed.bound()
	}
}

func (l *Loader) bound() {
	texts(&l.Kind, &l.Dataset, &l.Root, &l.Order)
	l.Transforms = boundTexts(l.Transforms)
	numbers(&l.Wait, &l.WaitSquared, &l.StartSeconds)
	counts(&l.Batches, &l.Starts)
	l.BatchSize = max(0, l.BatchSize)
	for _, n := range []*int{&l.Workers, &l.Prefetch, &l.Threads} {
		*n = max(-1, *n)
	}
	l.Length = max(-1, l.Length)
	if !(l.Ready >= 0 && l.Ready <= 1) {
		l.Ready = -1
	}
}

func (s *Steps) bound() {
	counts(&s.Count, &s.Validations)
	numbers(&s.Hidden, &s.Unsure, &s.Median, &s.P95, &s.WaitMedian, &s.Validation)
	s.Seconds.bound()
	s.Wait.bound()
	s.BatchSize = max(0, s.BatchSize)
	s.Recent = s.Recent[max(0, len(s.Recent)-maxRecent):]
	for i := range s.Recent {
		numbers(&s.Recent[i][0], &s.Recent[i][1])
	}
	s.Epochs = s.Epochs[:min(len(s.Epochs), maxEpochs)]
	for i := range s.Epochs {
		numbers(&s.Epochs[i][0], &s.Epochs[i][1])
	}
}

func (s *Stacks) bound() {
	counts(&s.Looks)
	numbers(&s.Seconds)
	weight := func(x float64) float64 { numbers(&x); return x }
	s.ByClass, s.Loop = boundMap(s.ByClass, weight), boundMap(s.Loop, weight)
	s.WorkByKind = boundMap(s.WorkByKind, weight)
	s.Top = s.Top[:min(len(s.Top), maxList)]
	for i := range s.Top {
		f := &s.Top[i]
		texts(&f.Module, &f.Function, &f.Class)
		numbers(&f.Weight)
	}
}

func (m *Moments) bound() {
	counts(&m.N)
	numbers(&m.Sum, &m.SumSq)
}

// numbers puts each into [0, maxSeconds].
func numbers(xs ...*float64) {
	for _, x := range xs {
		if !(*x > 0) || math.IsInf(*x, 0) { // also what is not a number
			*x = 0
		}
		*x = min(*x, maxSeconds)
	}
}

func counts(ns ...*int64) {
	for _, n := range ns {
		*n = min(max(0, *n), 1<<53)
	}
}

// texts makes each fit for a terminal: valid, without control characters, short.
func texts(ss ...*string) {
	for _, s := range ss {
		*s = strings.Map(func(r rune) rune {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
				return '?'
			}
			return r
		}, *s)
		if len(*s) > maxText {
			*s = strings.ToValidUTF8((*s)[:maxText], "")
		}
	}
}

func boundTexts(list []string) []string {
	list = list[:min(len(list), maxList)]
	for i := range list {
		texts(&list[i])
	}
	return list
}

// boundMap keeps at most maxList entries: the first by name.
func boundMap[V any](m map[string]V, bound func(V) V) map[string]V {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make(map[string]V, min(len(names), maxList))
	for _, name := range names[:min(len(names), maxList)] {
		v := bound(m[name])
		texts(&name)
		out[name] = v
	}
	return out
}
