// Package stats counts where the time of a session goes, and says in one
// sentence what limits it.
//
// Counting costs a few clock readings per sample and no shared counter: each
// sample has a Row of its own that one goroutine at a time writes; the goroutine
// that finishes a batch adds its rows up. So every figure belongs to an epoch,
// even while the engine already works on the next one.
package stats

import "time"

// Stage is one step of the way of a sample.
type Stage int

// The stages, in the order in which a sample passes them.
const (
	Fetch   Stage = iota // read the stored bytes and check them
	Decode               // bytes to pixels
	Augment              // pixels to the sample's row of the batch
	Collate              // the scalar fields, and the slot that the batch is written to
	Stages
)

var stageNames = [Stages]string{"fetch", "decode", "augment", "collate"}

func (s Stage) String() string { return stageNames[s] }

// Time is what one stage did.
type Time struct {
	Busy    time.Duration // at work, summed over the stage's goroutines
	WaitIn  time.Duration // idle, as nothing came in
	WaitOut time.Duration // idle, as the next stage took nothing; for Collate: no slot was free
	Items   int64         // samples
}

// Add adds o to t.
func (t *Time) Add(o Time) {
	t.Busy += o.Busy
	t.WaitIn += o.WaitIn
	t.WaitOut += o.WaitOut
	t.Items += o.Items
}

// Row is what one sample took. Times are in nanoseconds.
type Row struct {
	FetchIn, FetchBusy, FetchOut int64
	DecodeIn, DecodeBusy         int64
	AugmentBusy                  int64
	Bytes                        int64 // read
	StoredPixels, RegionPixels   int64 // of the stored image, and of the part that was decoded
	ShortSide                    int64 // of the stored image in pixels
	Decoded, JPEG                int64 // 1 where it was decoded, and was a JPEG
}

// Totals are the sums over some batches.
type Totals struct {
	Batches, Samples int64
	Stages           [Stages]Time
	BytesRead        int64
	Decoded, JPEG    int64 // images, and those that were JPEGs
	StoredPixels     int64
	RegionPixels     int64
	ShortSides       int64         // sum over the decoded images
	Wall             time.Duration // from the batch before the first to the last
	Waited           time.Duration // of that, the consumer asked and no batch was ready
}

// AddRows adds the rows of one batch.
func (t *Totals) AddRows(rows []Row) {
	for i := range rows {
		r := &rows[i]
		t.Stages[Fetch].Add(Time{time.Duration(r.FetchBusy), time.Duration(r.FetchIn), time.Duration(r.FetchOut), 1})
		t.Stages[Decode].Add(Time{time.Duration(r.DecodeBusy), time.Duration(r.DecodeIn), 0, 1})
		t.Stages[Augment].Add(Time{Busy: time.Duration(r.AugmentBusy), Items: 1})
		t.BytesRead += r.Bytes
		t.Decoded += r.Decoded
		t.JPEG += r.JPEG
		t.StoredPixels += r.StoredPixels
		t.RegionPixels += r.RegionPixels
		t.ShortSides += r.ShortSide
	}
}

// Add adds o to t.
func (t *Totals) Add(o *Totals) {
	t.Batches += o.Batches
	t.Samples += o.Samples
	for i := range t.Stages {
		t.Stages[i].Add(o.Stages[i])
	}
	t.BytesRead += o.BytesRead
	t.Decoded += o.Decoded
	t.JPEG += o.JPEG
	t.StoredPixels += o.StoredPixels
	t.RegionPixels += o.RegionPixels
	t.ShortSides += o.ShortSides
	t.Wall += o.Wall
	t.Waited += o.Waited
}
