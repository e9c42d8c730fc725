package listing

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"stoker/internal/run/bar"
	"stoker/internal/run/rundir"
)

// Table prints rows for a person, one line each, in at most width cells; where
// the width is unknown (0), nothing is cut.
func Table(w io.Writer, rows []Row, now time.Time, host string, width int, color bool) {
	if width <= 0 {
		width = 1 << 20
	}
	nameWidth := 4
	for _, r := range rows {
		nameWidth = max(nameWidth, min(len(label(r, host)), 24))
	}
	fmt.Fprintf(w, "%-5s %-*s %-12s %-10s %s\n", "RUN", nameWidth, "NAME", "STARTED", "STATE", "PROGRESS, OR HOW IT ENDED")
	for _, r := range rows {
		head := fmt.Sprintf("%-5s %-*s %-12s %-10s ", r.ID, nameWidth, cut(label(r, host), nameWidth), bar.Clock(now, r.Started), stateWord(r))
		fmt.Fprintln(w, head+story(r, now, max(width-len(head)-1, 20), color))
	}
	for _, r := range rows { // a command to copy is not cut
		if r.CutOff() && r.Advice != "" && now.Sub(r.Ended) < adviceFor {
			fmt.Fprintf(w, "run %s was cut off; %s\n", r.ID, r.Advice)
		}
	}
	if t := Record(rows); t != nil {
		fmt.Fprintf(w, "forecasts at %d %% of a run were off by %.0f %% (median); the interval held %d of %d times\n",
			scoreAt, 100*t.MedianError, t.Held, t.Runs)
	}
}

// adviceFor is how long the list says how to go on with a run that was cut off.
const adviceFor = 7 * 24 * time.Hour

// label is the run's name, or its program; runs of other machines say which.
func label(r Row, host string) string {
	name := r.Name
	if name == "" {
		name = program(r.Argv)
	}
	if r.Host != host {
		name += "@" + r.Host
	}
	return name
}

// program is the script that a command runs: the first argument that is a file
// name, past the interpreters and launchers that start it.
func program(argv []string) string {
	for _, arg := range argv {
		base := arg[strings.LastIndexByte(arg, '/')+1:]
		if strings.HasSuffix(base, ".py") || strings.HasSuffix(base, ".sh") {
			return base
		}
	}
	if len(argv) > 0 {
		return argv[0][strings.LastIndexByte(argv[0], '/')+1:]
	}
	return ""
}

func stateWord(r Row) string {
	switch {
	case r.Live() && r.Stall != "":
		return "stalled"
	case r.Live():
		return string(r.State)
	case r.Cause == "done":
		return "done"
	case r.Cause == "user":
		return "stopped"
	case r.Cause == "rebooted" || r.Cause == "lost":
		return "lost"
	}
	return "failed"
}

// leastBar is the room that a bar gets before what stands beside it.
const leastBar = 30

// story is what there is to say in one line.
func story(r Row, now time.Time, width int, color bool) string {
	var extra []string
	if r.DataWait >= 0 {
		extra = append(extra, fmt.Sprintf("waits for data %.0f %%", 100*r.DataWait))
	}
	if !r.Live() {
		if r.Percent >= 0 && r.Cause != "done" {
			extra = append(extra, fmt.Sprintf("at %.0f %%", r.Percent))
		}
		if took := r.Ended.Sub(r.Started); !r.Ended.IsZero() {
			extra = append(extra, "after "+bar.Duration(took.Seconds()))
		}
		if f := r.Forecast; f != nil {
			extra = append(extra, fmt.Sprintf("forecast off by %.0f %%", 100*math.Abs(f.Error)))
		}
		if r.Attempt > 1 {
			extra = append(extra, fmt.Sprintf("%d attempts", r.Attempt))
		}
		return cut(strings.Join(append([]string{r.Text}, extra...), ", "), width)
	}
	if r.State == rundir.Unattended || r.State == rundir.Elsewhere || now.Sub(r.Updated) > 30*time.Second {
		extra = append(extra, "last known "+bar.Clock(now, r.Updated))
	}
	if r.Stall != "" {
		return cut(r.Stall, width)
	}
	tail := strings.Join(extra, ", ")
	if r.Progress == nil {
		return cut(tail, width)
	}
	if tail = "  " + tail; tail == "  " || width-len(tail) < leastBar {
		tail = ""
	}
	return bar.Render(*r.Progress, width-len(tail), color) + tail
}

// cut shortens s to n cells; what it cuts are paths and messages.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:max(n-1, 0)]) + "…"
}
