package estimate

import "time"

// Status is what is known of a run at one moment: what the bar shows and what
// `stoker ps --json` prints. Times are seconds; a negative time or percentage is
// unknown.
type Status struct {
	At    time.Time `json:"at"`
	Phase string    `json:"phase"` // see the phases of package progress
	// PhaseSeconds is how long this phase lasts so far, PhaseExpected how long it
	// usually does (validation and checkpoints seen before), -1 = unknown.
	PhaseSeconds  float64 `json:"phase_seconds"`
	PhaseExpected float64 `json:"phase_expected"`

	Epoch  int    `json:"epoch,omitempty"`  // running epoch from 1; 0 = unknown
	Epochs int    `json:"epochs,omitempty"` // 0 = unknown
	Step   int64  `json:"step"`             // within the epoch, or the run where there are no epochs
	Steps  int64  `json:"steps,omitempty"`  // 0 = unknown
	Unit   string `json:"unit,omitempty"`   // what Step counts: "", "it", "B", "%", "epoch", ...
	// GlobalStep counts over the whole run (0 = unknown): what checkpoints are
	// compared with.
	GlobalStep int64 `json:"global_step,omitempty"`

	Percent float64 `json:"percent"` // of the whole run's steps, -1 = unknown
	Rate    float64 `json:"rate"`    // units per second by our clock, 0 = unknown
	Elapsed float64 `json:"elapsed"`

	// Remaining time of the whole run: the middle, and an interval that holds the
	// truth with probability Coverage. -1 = no forecast yet.
	RemainingLow  float64 `json:"remaining_low"`
	RemainingMid  float64 `json:"remaining_mid"`
	RemainingHigh float64 `json:"remaining_high"`
	Coverage      float64 `json:"coverage"`
	// Unseen says that a pause which will come was never seen yet (the first
	// validation): Mid holds what is usual, and may be off.
	Unseen bool `json:"unseen,omitempty"`
	// EpochOnly says that the number of epochs is unknown: Remaining and Percent
	// are those of the running epoch.
	EpochOnly bool      `json:"epoch_only,omitempty"`
	Arrival   time.Time `json:"arrival,omitzero"` // At + RemainingMid

	Loss     *float64           `json:"loss,omitempty"`
	Metrics  map[string]float64 `json:"metrics,omitempty"` // the last value of each
	DataWait float64            `json:"data_wait"`         // share of step time that the script's own lines call data time, -1 = not told

	// LoseSeconds is how much work is lost if the run dies now. The supervisor
	// sets it from the checkpoint files; -1 = unknown.
	LoseSeconds float64 `json:"lose_seconds"`

	Source    string     `json:"source,omitempty"`     // format id of the counter
	Guess     bool       `json:"guess,omitempty"`      // the counter is a guess
	Notes     []string   `json:"notes,omitempty"`      // what happened to the speed, newest last
	EarlyStop *EarlyStop `json:"early_stop,omitempty"` // a guess, never part of Remaining
	Track     *Track     `json:"track,omitempty"`      // how earlier forecasts of this command held
	Over      bool       `json:"over,omitempty"`       // the script said that its training is over
}

// EarlyStop guesses from the validation losses at which epoch they stop falling.
type EarlyStop struct {
	Epoch int `json:"epoch"` // most likely best epoch
	Low   int `json:"low"`
	High  int `json:"high"`
}

// Track says how forecasts of earlier runs of the same command held.
type Track struct {
	At          float64 `json:"at"`           // percent of the run at which they were made
	Runs        int     `json:"runs"`         // scored runs
	MedianError float64 `json:"median_error"` // of the remaining time, as a fraction
	Held        int     `json:"held"`         // runs whose truth lay inside the interval
}
