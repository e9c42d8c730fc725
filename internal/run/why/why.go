// Package why says whether a run waits for its data, what limits it if so, and
// what could be done. It is pure: Diagnose makes a Diagnosis of Evidence that others
// have gathered (Meters from the log, package account, package sampler).
//
// The evidence forms a ladder, from what costs nothing to what disturbs the run:
//
//	log         the data times that the script itself prints
//	accounting  what the kernel counts about its processes
//	sampler     looks into its Python processes, exact times of its loaders
//	delay       its producers are slowed a little: does the step time move?
//	headspace   a throw-away run fed from memory
//
// The first conclusive rung gives the verdict. Later rungs, where they were climbed
// anyway, are said to agree or not; what intervened (delay, headspace) overrules what
// only watched, and exact times overrule accounting.
//
// The thresholds are those of TensorFlow's input-pipeline analyser: below 5 % of the
// step the data do not matter, above 20 % they do.
package why

import (
	"stoker/internal/run/account"
	"stoker/internal/run/estimate"
	"stoker/internal/run/history"
	"stoker/internal/run/sampler"
)

// Evidence is what is known of a run. Every member may be missing.
type Evidence struct {
	Log     *LogMeters
	Account *account.Account
	Reports []sampler.Report
	Status  *estimate.Status
	Timing  *history.Timing
	Argv    []string
	// Over says that the run has ended: what waits cost is then told of all of it.
	Over bool
	// Pack is what packing with Stoker would bring, by package advise.
	Pack *Prediction
	// Padding is the share of the tokens of a batch that fill short sequences up;
	// -1 or 0 unknown.
	Padding float64
}

// Verdicts.
const (
	Data       = "data"       // a large part of the step is a wait for data
	Borderline = "borderline" // some of it
	Compute    = "compute"    // none that matters
	Unknown    = "unknown"
)

// Limits: what the data come slowly by.
const (
	LimitDecode   = "decode"
	LimitFetch    = "fetch" // disks, network: nobody computes meanwhile
	LimitAugment  = "augment"
	LimitTokenize = "tokenize"
	LimitCollate  = "collate"
	LimitHandOff  = "hand-off" // moving samples between processes
	LimitPython   = "python"   // the dataset's own code; or the loop's, where the verdict is compute
	LimitPrepare  = "prepare"  // one of those that compute; accounting cannot tell which
	LimitNone     = ""
)

// Rungs of the ladder.
const (
	RungLog        = "log"
	RungAccounting = "accounting"
	RungSampler    = "sampler"
	RungDelay      = "delay"
	RungHeadspace  = "headspace"
)

// Diagnosis is the answer. Shares are of the step time, from 0 to 1.
type Diagnosis struct {
	Verdict string `json:"verdict"`
	Limit   string `json:"limit,omitempty"`
	// Share is the part of a step that is a wait for data, with its 95 % interval;
	// -1 where it was not measured.
	Share float64 `json:"share"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Rung that gave the verdict; "" where none could.
	Rung     string   `json:"rung,omitempty"`
	Sentence string   `json:"sentence"` // without a full stop
	Evidence []string `json:"evidence"` // a line for each rung that there was, and what else matters
	Rungs    []Rung   `json:"rungs"`
	Cures    []Cure   `json:"cures"` // cheapest first
	// Pack is the prediction that the cure "pack" rests on, where one was made.
	Pack *Prediction `json:"pack,omitempty"`
}

// Rung is what one rung alone says.
type Rung struct {
	Name       string  `json:"name"`
	Verdict    string  `json:"verdict"`
	Limit      string  `json:"limit,omitempty"`
	Share      float64 `json:"share"` // -1 not measured
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Conclusive bool    `json:"conclusive"`
	Exact      bool    `json:"exact,omitempty"` // every wait was timed
	Text       string  `json:"text"`
}

// Cure is something that could be done, and what it can bring at most.
type Cure struct {
	ID    string `json:"id"` // stable; the history books cures under it
	Title string `json:"title"`
	How   string `json:"how"`
	// Gain is the share of the step time that it saves at most, with an interval
	// where it was predicted by measuring, else from 0 on.
	Gain     float64 `json:"gain"`
	GainLow  float64 `json:"gain_low"`
	GainHigh float64 `json:"gain_high"`
	Seconds  float64 `json:"seconds"` // that are, of the remaining run, or of a whole one like it; 0 unknown
	Work     float64 `json:"work"`    // hours of a person that it usually takes
	Free     bool    `json:"free"`    // a setting: no work worth counting
	Why      string  `json:"why"`     // what the gain follows from
}

// Prediction is how long a step would take with a packed dataset, and from what it
// follows. Package advise makes it. Seconds.
type Prediction struct {
	Source   string  `json:"source"`  // the data that were sampled
	Samples  int     `json:"samples"` // of it, packed for the measurement
	Step     float64 `json:"step"`    // a step of the run as it is
	Compute  float64 `json:"compute"` // of that, the part that is no wait
	Batch    float64 `json:"batch"`   // the engine's time for one batch, alone, on all cores
	New      float64 `json:"new"`     // a step with Stoker
	NewLow   float64 `json:"new_low"`
	NewHigh  float64 `json:"new_high"`
	PackRate float64 `json:"pack_rate"` // samples packed in a second
	Command  string  `json:"command"`   // that packs the data
	// Resize is the short side to which the pictures could be brought once, and
	// NewResized a step then; zero where that would bring nothing.
	Resize     int      `json:"resize,omitempty"`
	NewResized float64  `json:"new_resized,omitempty"`
	Notes      []string `json:"notes,omitempty"`
}

// Gain is the share of the step time that is saved.
func (p *Prediction) Gain() (mid, low, high float64) {
	if p.Step <= 0 {
		return 0, 0, 0
	}
	return 1 - p.New/p.Step, 1 - p.NewHigh/p.Step, 1 - p.NewLow/p.Step
}
