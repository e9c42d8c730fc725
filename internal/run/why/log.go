package why

import (
	"fmt"
	"time"

	"stoker/internal/run/progress"
)

// LogMeters are the data times that a script printed about itself.
type LogMeters struct {
	Steps  int64   `json:"steps"` // that the lines cover, as far as they count them
	Lines  int     `json:"lines"`
	Share  float64 `json:"share"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Source string  `json:"source"` // format of the lines
}

// Meters gathers LogMeters from the events of a run. Safe for one goroutine.
type Meters struct {
	lines  []pair
	steps  int64
	last   progress.Event // the line before, of the same counter
	source string
}

// maxLines bounds what is kept: of more, every other one is dropped.
const maxLines = 4096

// Observe takes one event. The first line of a run and of each epoch is left out: it
// tells of the first batch, for which everybody waits.
func (m *Meters) Observe(e progress.Event) {
	if e.Kind != progress.Step || e.Phase == progress.Validation || e.Phase == progress.Test {
		return
	}
	data, told := e.Metrics["data_time"]
	step := e.Metrics["step_time"]
	if !told || step <= 0 || data < 0 || data > 1.5*step {
		return
	}
	covered := int64(1)
	first := m.last.Time == (time.Time{}) || e.Step <= m.last.Step
	if !first {
		covered = e.Step - m.last.Step
	}
	m.last, m.source = e, e.Source
	if first {
		return
	}
	m.steps += covered
	// Each line stands for the steps since the one before.
	weight := float64(covered)
	m.lines = append(m.lines, pair{step * weight, min(data, step) * weight})
	if len(m.lines) > maxLines {
		for i := range maxLines / 2 {
			m.lines[i] = pair{m.lines[2*i].seconds + m.lines[2*i+1].seconds, m.lines[2*i].wait + m.lines[2*i+1].wait}
		}
		m.lines = m.lines[:maxLines/2]
	}
}

// Meters returns what was gathered; nil where the lines tell no data times, or too
// few of them did.
func (m *Meters) Meters() *LogMeters {
	s, ok := shareOf(m.lines)
	if !ok {
		return nil
	}
	return &LogMeters{Steps: m.steps, Lines: len(m.lines), Share: s.mid, Low: s.low, High: s.high, Source: m.source}
}

// minLogSteps is from how many steps on what the log says is conclusive.
const minLogSteps = 50

// rung judges what the log says. Lines round their times to milliseconds, and on an
// accelerator part of the wait is hidden behind queued work: between 3 and 20 % they
// do not decide.
func (m *LogMeters) rung() Rung {
	r := Rung{Name: RungLog, Share: m.Share, Low: m.Low, High: m.High}
	r.Verdict = verdict(share{m.Share, m.Low, m.High})
	r.Conclusive = m.Steps >= minLogSteps && (m.Share >= 0.20 && m.Low >= 0.10 || m.Share <= 0.03)
	r.Text = fmt.Sprintf("the script's own lines (%s) call %s of the step data time, over %d steps",
		m.Source, plusMinus(r), m.Steps)
	return r
}
