package supervisor

import (
	"fmt"
	"time"

	"stoker/internal/run/cause"
	"stoker/internal/run/hold"
	"stoker/internal/run/journal"
	"stoker/internal/run/procs"
	"stoker/internal/run/recipe"
	"stoker/internal/run/rundir"
	"stoker/internal/run/screen"
	"stoker/internal/run/seglog"
)

// conclude says how a run ended whose supervisor did not live to say it. If the
// holder wrote the exit status to the journal, that is the truth; else what was
// last known is all there is, and the text says so.
func conclude(d rundir.Dir, spec rundir.Spec, last rundir.Status, judged rundir.Phase) rundir.End {
	end := rundir.End{Time: last.Updated, Code: 255, Cause: string(cause.Lost),
		Text: fmt.Sprintf("all its processes were killed; last known %s", last.Updated.Local().Format("2006-01-02 15:04:05"))}
	if state, ok := lastExit(d); ok && !state.Running {
		v := cause.Find(cause.Facts{Code: state.Code, Signal: state.Signal, Last: tailOf(d), NotBegun: state.Error, OOMKill: state.OOM && state.Code != 0})
		end = rundir.End{Time: state.Ended, Code: state.Code, Signal: state.Signal, Cause: string(v.Kind), Text: v.Text, Advice: v.Advice}
	} else if judged == rundir.Rebooted {
		end.Cause = string(cause.Rebooted)
		end.Text = "the machine was restarted"
		if at := procs.BootTime(); !at.IsZero() {
			end.Text += at.Local().Format(" (up since 2006-01-02 15:04)")
		}
		end.Text += fmt.Sprintf("; last known %s", last.Updated.Local().Format("2006-01-02 15:04:05"))
	}
	if end.Advice == "" && (end.Cause == string(cause.Rebooted) || end.Cause == string(cause.Lost)) {
		end.Advice = goOn(spec, last.Checkpoint)
	}
	if c := last.Checkpoint; c != nil && end.Code != 0 {
		end.Text += fmt.Sprintf("; last checkpoint %s, %s before", c.Path, end.Time.Sub(c.Time).Round(time.Second))
	}
	if end.Code != 0 {
		end.Last = lastLines(tailOf(d), 20)
	}
	return end
}

// goOn is the command that goes on with a run of which nothing is left: with the
// framework's own resume flags where they are known.
func goOn(spec rundir.Spec, newest *rundir.Checkpoint) string {
	f := recipe.Facts{Argv: spec.Argv, Dir: spec.Dir}
	if newest != nil {
		f.Checkpoint = newest.Path
	}
	again := "cd " + command([]string{spec.Dir}) + " && stoker run -- "
	if r, ok := recipe.Find(f); ok {
		return "to resume (" + r.Framework + "): " + again + command(r.Argv)
	}
	return "to start it again, with the script's own resume option if it has one: " + again + command(spec.Argv)
}

// lastExit returns the newest state that the holder journalled.
func lastExit(d rundir.Dir) (s hold.State, ok bool) {
	records, _, err := journal.Read(d.Journal())
	if err != nil {
		return s, false
	}
	for _, r := range records {
		if r.Kind == "began" || r.Kind == "exit" {
			var next hold.State
			if r.Decode(&next) == nil {
				s, ok = next, true
			}
		}
	}
	return s, ok
}

// tailOf returns the last clean lines of the run.
func tailOf(d rundir.Dir) []string {
	raw, _ := seglog.Tail(d.Raw(), 64<<10)
	sc := screen.New(tailLines, func(string) {})
	_, _ = sc.Write(raw)
	sc.Flush()
	done, _, _ := sc.Tail(tailLines)
	return done
}

func writeEnd(d rundir.Dir, last rundir.Status) error {
	j, err := journal.Open(d.Journal())
	if err != nil {
		return err
	}
	defer j.Close()
	if err := j.Append(time.Now(), "end", last.End, true); err != nil {
		return err
	}
	f, err := rundir.CreateStatus(d.Status())
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Write(&last, true)
}
