package stats

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Limit names what a session is waiting for.
type Limit string

// The limits.
const (
	LimitTrainer Limit = "trainer" // the data come faster than the loop takes them
	LimitDecode  Limit = "decode"
	LimitAugment Limit = "augment"
	LimitFetch   Limit = "fetch"
	LimitGather  Limit = "gather" // sequences: batches are put together from what is in memory
	LimitPlan    Limit = "plan"   // sequences: it is decided what makes a batch
	LimitMemory  Limit = "memory" // too few slots fit into the budget
	LimitUnknown Limit = "unknown"
)

// Facts are what a verdict is made of.
type Facts struct {
	Totals
	Workers, Cores  int  // goroutines that decode; cores that could be used
	Fetchers        int  // goroutines that read
	SlotsExhausted  bool // the budget allowed no further slot
	OutputShortSide int  // of the pictures in a batch, pixels; 0 where there are none
	Indexed         bool // the dataset has entropy indexes
	Sequences       bool // the dataset holds sequences, not pictures
	FeedOnly        bool // nobody trains: a benchmark that takes batches as fast as it can
}

// Verdict says what limits, in one word, and what to do about it, in words.
type Verdict struct {
	Limit    Limit
	Sentence string // without a full stop
}

// The thresholds. Below 2 % of waiting nothing that can be done to the data is
// worth the work; half of a resource's time is what "busy" means here.
const (
	littleWaiting = 0.02
	busyShare     = 0.5
)

// Judge is a pure function of f.
func Judge(f *Facts) Verdict {
	if f.Wall <= 0 || f.Batches == 0 {
		return Verdict{LimitUnknown, "nothing was measured yet"}
	}
	if !f.FeedOnly && share(f.Waited, f.Wall) < littleWaiting {
		return Verdict{LimitTrainer, f.waiting() + "; the trainer is the limit: leave the data alone"}
	}
	limit, why := f.limit()
	parts := []string{f.waiting() + "; the limit is " + why}
	if advice := f.advice(limit); advice != "" {
		parts = append(parts, advice)
	}
	return Verdict{limit, strings.Join(parts, "; ")}
}

func (f *Facts) waiting() string {
	if f.FeedOnly {
		return fmt.Sprintf("fed %s samples/s", Number(float64(f.Samples)/f.Wall.Seconds()))
	}
	return fmt.Sprintf("waited for data %s of the epoch (%s)", Percent(share(f.Waited, f.Wall)), Span(f.Waited))
}

// limit finds the busiest resource of a session whose trainer waits.
func (f *Facts) limit() (Limit, string) {
	workers := f.Wall * time.Duration(max(f.Workers, 1))
	s := &f.Stages
	compute := share(s[Decode].Busy+s[Augment].Busy, workers)
	starved := share(s[Decode].WaitIn, workers)
	reading := share(s[Fetch].Busy, f.Wall*time.Duration(max(f.Fetchers, 1)))
	switch {
	case f.SlotsExhausted && share(s[Collate].WaitOut, f.Wall) > busyShare:
		return LimitMemory, "memory: no more batches fit into the budget"
	case f.Sequences:
		return f.limitOfSequences(starved, workers)
	case compute < busyShare && starved > compute && reading > compute:
		return LimitFetch, fmt.Sprintf("reading (%s/s)", Bytes(float64(f.BytesRead)/f.Wall.Seconds()))
	case s[Augment].Busy > s[Decode].Busy:
		return LimitAugment, fmt.Sprintf("augmentation (%s of the work on %s)", f.partOf(Augment), plural(f.Workers, "worker"))
	default:
		return LimitDecode, fmt.Sprintf("image decoding (%s of the work on %s)", f.partOf(Decode), plural(f.Workers, "worker"))
	}
}

// limitOfSequences is limit where one goroutine plans batches and each worker reads
// and gathers those of its own.
func (f *Facts) limitOfSequences(starved float64, workers time.Duration) (Limit, string) {
	s := &f.Stages
	reading, gathering := share(s[Fetch].Busy, workers), share(s[Collate].Busy, workers)
	switch {
	case reading > gathering:
		return LimitFetch, fmt.Sprintf("reading (%s/s)", Bytes(float64(f.BytesRead)/f.Wall.Seconds()))
	case starved > reading+gathering && share(s[Collate].WaitOut, f.Wall) < busyShare:
		return LimitPlan, "planning the batches"
	default:
		return LimitGather, fmt.Sprintf("gathering sequences into batches (%s)", plural(f.Workers, "worker"))
	}
}

func (f *Facts) partOf(s Stage) string {
	return Percent(share(f.Stages[s].Busy, f.Stages[Decode].Busy+f.Stages[Augment].Busy))
}

func (f *Facts) advice(limit Limit) string {
	switch limit {
	case LimitMemory:
		return "a larger memory budget or smaller batches would help"
	case LimitFetch:
		return "faster storage, or a dataset in the page cache, would help"
	case LimitPlan:
		return "another way to batch, or longer rows, would help"
	case LimitDecode, LimitAugment, LimitGather:
		if f.Workers < f.Cores {
			return fmt.Sprintf("more workers would help (%d of %d cores are used)", f.Workers, f.Cores)
		}
		return f.lessWork(limit)
	}
	return ""
}

// lessWork says how the same pictures could cost less.
func (f *Facts) lessWork(limit Limit) string {
	var ways []string
	if limit == LimitDecode && f.skipsMuch() {
		ways = append(ways, "`stoker index` would let crops skip what they do not show")
	}
	if size, gain := f.resizing(); gain >= 1.3 {
		ways = append(ways, fmt.Sprintf("packing with --resize short=%d would make it about %.1f times as fast", size, gain))
	}
	if len(ways) == 0 {
		return "more cores would help"
	}
	return strings.Join(ways, "; ")
}

// skipsMuch reports whether entropy indexes would pay: most pictures are JPEGs
// without them, and crops leave a fifth of their pixels out.
func (f *Facts) skipsMuch() bool {
	return !f.Indexed && 2*f.JPEG > f.Decoded && 5*f.RegionPixels < 4*f.StoredPixels
}

// resizing predicts what packing with smaller pictures would bring. Decoding
// costs by the pixels decoded, and a crop covers the same share of a smaller
// picture; augmentation is left as it is, which is cautious. The short side is
// 1.15 times the output's, the ratio of the usual 256 to 224.
func (f *Facts) resizing() (short int, gain float64) {
	if f.Decoded == 0 || f.OutputShortSide == 0 {
		return 0, 1
	}
	short = int(math.Ceil(1.14*float64(f.OutputShortSide)/8)) * 8
	mean := float64(f.ShortSides) / float64(f.Decoded)
	if mean <= float64(short) {
		return short, 1
	}
	scale := float64(short) / mean
	decode, augment := f.Stages[Decode].Busy.Seconds(), f.Stages[Augment].Busy.Seconds()
	after := decode*scale*scale + augment
	if after <= 0 {
		return short, 1
	}
	return short, (decode + augment) / after
}

func share(part, whole time.Duration) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
