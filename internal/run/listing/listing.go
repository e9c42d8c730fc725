// Package listing gathers what `stoker ps` shows: the runs that live, from their
// directories, and those that have ended, from the history.
package listing

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"stoker/internal/run/bar"
	"stoker/internal/run/cause"
	"stoker/internal/run/estimate"
	"stoker/internal/run/history"
	"stoker/internal/run/rundir"
	"stoker/internal/run/supervisor"
)

// Row is one run.
type Row struct {
	ID       string             `json:"id"`
	Name     string             `json:"name,omitempty"`
	State    rundir.Phase       `json:"state"`
	Argv     []string           `json:"argv"`
	Dir      string             `json:"dir"`
	Host     string             `json:"host"`
	Started  time.Time          `json:"started"`
	Ended    time.Time          `json:"ended,omitzero"`
	Updated  time.Time          `json:"updated,omitzero"` // of what is said about a run that lives
	Attempt  int                `json:"attempt"`
	PID      int                `json:"pid,omitempty"`
	Progress *estimate.Status   `json:"progress,omitempty"`
	Bar      string             `json:"bar,omitempty"` // Progress as one line of barWidth columns
	Percent  float64            `json:"percent"`       // -1 unknown
	DataWait float64            `json:"data_wait"`     // share of step time, -1 unknown
	Stall    string             `json:"stall,omitempty"`
	Safe     *rundir.Checkpoint `json:"checkpoint,omitempty"`
	Code     int                `json:"code"`
	Cause    string             `json:"cause,omitempty"`
	Text     string             `json:"text,omitempty"`     // why it ended, in words
	Advice   string             `json:"advice,omitempty"`   // what to do about that
	Forecast *estimate.Scored   `json:"forecast,omitempty"` // the forecast at 10 % against the truth
}

// barWidth fits a notebook's cell.
const barWidth = 100

// Live reports whether the run has not ended, as far as is known.
func (r Row) Live() bool { return r.State != rundir.Ended }

// CutOff reports whether the run was ended by something outside of it: what it
// did can be done again.
func (r Row) CutOff() bool {
	return !r.Live() && (r.Cause == string(cause.Rebooted) || r.Cause == string(cause.Lost))
}

// scoreAt is the share of a run, in percent, at which its forecast is judged.
const scoreAt = 10

// Record sums up how the forecasts of the listed runs held; nil where none was
// scored.
func Record(rows []Row) *estimate.Track {
	var scores []estimate.Scored
	for _, r := range rows {
		if r.Forecast != nil {
			scores = append(scores, *r.Forecast)
		}
	}
	return estimate.SumUp(scoreAt, scores)
}

// Options of a listing.
type Options struct {
	Past int // at most so many runs that have ended
}

// List returns live runs, oldest first, then past ones, newest first. note says
// what kept the history away, or is "".
func List(ctx context.Context, state rundir.State, o Options) (rows []Row, note string) {
	live := map[string]bool{}
	var ended []Row
	for _, id := range state.Live() {
		row, ok := One(state, state.Run(id))
		if !ok {
			continue
		}
		live[id] = true
		if row.Live() {
			rows = append(rows, row)
		} else {
			ended = append(ended, row)
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return a.Started.Compare(b.Started) })
	if o.Past <= 0 {
		return rows, ""
	}
	past, err := fromHistory(ctx, state, o.Past+len(live))
	if err != nil {
		past, note = fromDirectories(state, o.Past), err.Error()
	}
	for _, row := range past {
		if !live[row.ID] {
			ended = append(ended, row)
		}
	}
	slices.SortStableFunc(ended, func(a, b Row) int { return b.Started.Compare(a.Started) })
	return append(rows, ended[:min(len(ended), o.Past)]...), note
}

// One reads one run from its directory; a run whose processes are all gone is
// settled by that.
func One(state rundir.State, d rundir.Dir) (Row, bool) {
	spec, err := d.LoadSpec()
	if err != nil {
		return Row{}, false
	}
	status, err := rundir.ReadStatus(d.Status())
	if err != nil { // it is only just being started, or never was
		status = rundir.Status{Phase: rundir.Starting, Updated: spec.Created}
		if time.Since(spec.Created) < 10*time.Second {
			return fromStatus(spec, status), true
		}
	}
	status, _ = supervisor.Settle(state, d, spec, status)
	return fromStatus(spec, status), true
}

func fromStatus(spec rundir.Spec, s rundir.Status) Row {
	row := Row{ID: spec.ID, Name: spec.Name, State: s.Phase, Argv: history.Redact(spec.Argv), Dir: spec.Dir, Host: spec.Host,
		Started: spec.Created, Updated: s.Updated, Attempt: s.Attempt, PID: s.Child.PID, Percent: -1, DataWait: -1,
		Stall: s.Stall, Safe: s.Checkpoint}
	var p estimate.Status
	if json.Unmarshal(s.Progress, &p) == nil && len(s.Progress) > 0 {
		row.Progress, row.Percent = &p, p.Percent
		row.Bar = bar.Render(p, barWidth, false)
	}
	if s.DataWait != nil {
		row.DataWait = *s.DataWait
	}
	if s.End != nil {
		row.Code, row.Cause, row.Text, row.Advice = s.End.Code, s.End.Cause, s.End.Text, s.End.Advice
		if s.Phase == rundir.Ended {
			row.Ended = s.End.Time
		}
	}
	return row
}

func fromHistory(ctx context.Context, state rundir.State, n int) ([]Row, error) {
	db, err := history.Open(ctx, state.History())
	if err != nil {
		return nil, err
	}
	defer db.Close()
	runs, err := db.Recent(ctx, n)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, r := range runs {
		row := Row{ID: r.ID, Name: r.Name, State: rundir.Ended, Argv: r.Argv, Dir: r.Dir, Host: r.Host, Started: r.Started,
			Ended: r.Ended, Attempt: r.Attempts, Percent: r.Percent, DataWait: r.DataWait, Code: r.Code, Cause: r.Cause, Text: r.Text}
		if r.Ended.IsZero() {
			row.Cause, row.Text = string(cause.Lost), "its end was never recorded"
		}
		if i := slices.IndexFunc(r.Scores, func(s estimate.Scored) bool { return s.Percent == scoreAt }); i >= 0 {
			row.Forecast = &r.Scores[i]
		}
		if row.CutOff() { // the history has no advice: the run's directory does
			if s, err := rundir.ReadStatus(state.Run(r.ID).Status()); err == nil && s.End != nil {
				row.Advice = s.End.Advice
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// fromDirectories is the slow way, where there is no history.
func fromDirectories(state rundir.State, n int) []Row {
	var rows []Row
	for _, id := range state.All() {
		if len(rows) == n {
			break
		}
		if row, ok := One(state, state.Run(id)); ok && !row.Live() {
			rows = append(rows, row)
		}
	}
	return rows
}
