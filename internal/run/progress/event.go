package progress

import "time"

// Kind says what a line told about the run.
type Kind string

// The kinds of event. A line gives at most one event of each of two kinds: what
// it counts (Step or Epoch) carries its metrics along.
const (
	Step       Kind = "step"       // a counter moved: Step and Steps are set
	Epoch      Kind = "epoch"      // an epoch began (Done false) or ended (Done true): Epoch, Epochs
	Phase      Kind = "phase"      // the run does something else from now on: Phase is set
	Metric     Kind = "metric"     // numbers without a counter: Metrics, perhaps EpochPart
	Banner     Kind = "banner"     // totals told before the first step: Steps and/or Epochs
	Checkpoint Kind = "checkpoint" // the script says that it saves, or has saved, its state
	End        Kind = "end"        // the script says that its training is over
)

// The phases of a run, as far as lines or clocks tell them.
const (
	Start      = "start"      // imports, downloads of the script, compilation: before the first step
	Train      = "train"      // steps
	Validation = "validation" // evaluation between steps or epochs
	Test       = "test"       // evaluation after the training
	Saving     = "checkpoint" // writing state to disk
	Resume     = "resume"     // skipping data that an earlier run has seen
	Final      = "final"      // after the last step
)

// Scope says what a counter's total covers.
type Scope string

// The scopes. Where a format does not tell, the estimator finds out from resets.
const (
	ScopeUnknown Scope = ""
	ScopeEpoch   Scope = "epoch" // the counter starts again in every epoch
	ScopeRun     Scope = "run"   // the counter runs through the whole run
)

// Metrics are the numbers of one line by canonical name: loss, lr, data_time,
// step_time (seconds), val_loss, and others under the name that the script gave.
// Values are finite, except loss, which may be NaN or infinite: that is news.
type Metrics map[string]float64

// Event is one thing that one line of output said.
//
// Numbers are normalised: Step is the number of steps done (a format that prints
// the index of the step just finished gets one added), Epoch is the ordinal of
// the running epoch counted from 1, and 0 stands for unknown in both totals.
type Event struct {
	Time  time.Time `json:"time"` // arrival of the line's last byte by our clock
	Kind  Kind      `json:"kind"`
	Phase string    `json:"phase,omitempty"` // "" when the line does not tell

	Epoch     int     `json:"epoch,omitempty"`
	Epochs    int     `json:"epochs,omitempty"`
	EpochPart float64 `json:"epoch_part,omitempty"` // epochs done as a fraction, Hugging Face's "epoch"
	Done      bool    `json:"done,omitempty"`       // Epoch: it ended; Step: the bar closed

	Step  int64  `json:"step"`
	Steps int64  `json:"steps,omitempty"`
	Unit  string `json:"unit,omitempty"` // "it", "B", "%", "epoch", ...; "" when not told
	Scope Scope  `json:"scope,omitempty"`
	Bar   string `json:"bar,omitempty"` // what tells this counter from others of its format

	Metrics Metrics `json:"metrics,omitempty"`
	Text    string  `json:"text,omitempty"` // Checkpoint: the path, if told
	Source  string  `json:"source"`         // format id, for instance "tqdm" or "keras3"
	Guess   bool    `json:"guess,omitempty"`
}
