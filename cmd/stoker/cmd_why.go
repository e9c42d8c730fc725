package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/advise"
	"stoker/internal/errs"
	"stoker/internal/progress"
	"stoker/internal/run/bar"
	"stoker/internal/run/evidence"
	"stoker/internal/run/history"
	"stoker/internal/run/rundir"
	"stoker/internal/run/why"
)

// whyFlags are the options of `stoker why`.
type whyFlags struct {
	log, data, transform  string
	batch                 int
	watch                 time.Duration
	delayTest             bool
	headspace             int
	pack, noPack          bool
	allRungs, json, quiet bool
}

func whyCommand() *cobra.Command {
	var f whyFlags
	cmd := &cobra.Command{
		Use:   "why [RUN | PID]",
		Short: "Say whether a run waits for its data, what limits it, and what would help",
		Long: `Why climbs a ladder of evidence and stops at the first conclusive rung: data times that
the script itself prints; what the kernel counts about its processes; the sampler that
"stoker run" puts into Python processes; on request a delay test, which makes the
producers a little slower for some steps and looks whether the step time moves; on
request the headspace, a throw-away run fed from memory.

RUN is a live or ended run, default the last one; a number is a process that Stoker did
not start, of which the processes and the log can be seen. A cure's gain is the most that
it can bring, from what was measured. For packing with Stoker a sample of the run's own
data is packed and timed, which takes ten to fifteen seconds of all cores: by default
for runs that have ended, with --pack for live ones too.`,
		Example: `  stoker why
  stoker why k3f9 --all-rungs
  stoker why --delay-test last
  stoker why 12345 --log nohup.out
  stoker why --data photos --transform rrc:224,flip,normalize,float32
  stoker why --headspace 100 -- python train.py`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runWhy(cmd.Context(), cmd.OutOrStdout(), f, args, cmd.ArgsLenAtDash())
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.allRungs, "all-rungs", false, "print what each rung alone says")
	flags.IntVar(&f.batch, "batch-size", 0, "with a prediction: samples of a batch (default the loader's)")
	flags.StringVar(&f.data, "data", "", "with a prediction: the `path` of the run's data (default found)")
	flags.BoolVar(&f.delayTest, "delay-test", false, "hold batches of a live run back a little for some steps; what it trains stays right, and it takes a few steps longer")
	flags.IntVar(&f.headspace, "headspace", 0, "run the command after -- for so many `steps` fed by its loader and as many from memory; what it trains is worthless")
	flags.BoolVar(&f.json, "json", false, "print the diagnosis as JSON")
	flags.StringVar(&f.log, "log", "", "with a PID: the log that the process writes (default the `file` that its output goes to)")
	flags.BoolVar(&f.noPack, "no-pack", false, "do not predict what packing would bring")
	flags.BoolVar(&f.pack, "pack", false, "predict what packing would bring, also for a live run")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no bar")
	flags.StringVar(&f.transform, "transform", "", "with a prediction: the pipeline, as in stoker bench (default read from the loader)")
	flags.DurationVar(&f.watch, "watch", 10*time.Second, "how long to watch processes that were not accounted for yet")
	return cmd
}

func runWhy(ctx context.Context, out io.Writer, f whyFlags, args []string, dash int) error {
	meter := progress.Start(progress.Detect(os.Stderr, f.quiet || f.json, os.Getenv))
	defer meter.Stop()
	s, old, err := f.gather(ctx, args, dash, meter)
	if err != nil {
		return err
	}
	var d why.Diagnosis
	if old != nil {
		d = *old
	} else {
		d = f.diagnose(ctx, &s, meter)
	}
	meter.Stop()
	if f.json {
		enc := json.NewEncoder(out)
		enc.SetIndent("", " ")
		enc.SetEscapeHTML(false)
		return enc.Encode(d)
	}
	return printDiagnosis(out, d, f.allRungs)
}

// gather collects the evidence. Of a run whose directory is gone the diagnosis that
// the history keeps is returned instead.
func (f whyFlags) gather(ctx context.Context, args []string, dash int, meter *progress.Meter) (evidence.Subject, *why.Diagnosis, error) {
	which := "last"
	switch {
	case f.headspace != 0:
		s, err := runHeadspace(ctx, args[max(dash, 0):], f.headspace, meter)
		return s, nil, err
	case dash >= 0:
		return evidence.Subject{}, nil, errs.New(errs.Invalid, "a command is given, but no --headspace").WithHint("start it with: stoker run -- ...")
	case len(args) == 1:
		which = args[0]
	case len(args) > 1:
		return evidence.Subject{}, nil, errs.New(errs.Invalid, "%d runs given, want one", len(args)).WithHint("for example: stoker why last")
	}
	tick := percentTicks(meter, "watching its processes")
	if pid, err := strconv.Atoi(which); err == nil {
		s, err := evidence.OfProcess(ctx, pid, f.log, f.watch, tick)
		return s, nil, err
	}
	state, d, err := findRun(which)
	if errs.Is(err, errs.NotFound) && state.Root != "" {
		old, found := oldDiagnosis(ctx, state, which)
		if found {
			return evidence.Subject{}, old, nil
		}
	}
	if err != nil {
		return evidence.Subject{}, nil, err
	}
	s, err := evidence.OfRun(ctx, state, d, f.watch, tick)
	if err == nil && f.delayTest {
		err = delayTest(ctx, d, &s, meter)
	}
	return s, nil, err
}

// percentTicks shows how far something is.
func percentTicks(meter *progress.Meter, what string) func(float64) {
	shown := int64(0)
	return func(share float64) {
		if shown == 0 {
			meter.Phase(what, "%", 100, 0)
		}
		if now := max(int64(100*share), 1); now > shown {
			meter.Add(now-shown, 0)
			shown = now
		}
	}
}

// oldDiagnosis is what the history keeps of a run whose files are gone, or that came
// from another machine.
func oldDiagnosis(ctx context.Context, state rundir.State, which string) (*why.Diagnosis, bool) {
	db, err := history.Open(ctx, state.History())
	if err != nil {
		return nil, false
	}
	defer db.Close() //nolint:errcheck // only read
	row, err := db.Find(ctx, which)
	if err != nil {
		return nil, false
	}
	var d why.Diagnosis
	if len(row.Diagnosis) == 0 || json.Unmarshal(row.Diagnosis, &d) != nil {
		return nil, false
	}
	return &d, true
}

// diagnose judges, predicts where that is wanted, and keeps the answer.
func (f whyFlags) diagnose(ctx context.Context, s *evidence.Subject, meter *progress.Meter) why.Diagnosis {
	d := why.Diagnose(s.Evidence)
	if f.predicts(s, &d) {
		r, err := advise.Predict(ctx, advise.Options{Evidence: s.Evidence, Dir: s.Dir, Data: f.data, Transform: f.transform, BatchSize: f.batch, Meter: meter})
		if err != nil {
			d.Evidence = append(d.Evidence, "what packing would bring could not be predicted: "+oneLine(err))
		} else {
			s.Evidence.Pack, s.Evidence.Padding = &r.Prediction, r.Padding
			d = why.Diagnose(s.Evidence)
		}
	}
	keepDiagnosis(ctx, s.UID, d)
	return d
}

// predicts: unless told otherwise only where data are part of the problem and nobody
// else needs the cores.
func (f whyFlags) predicts(s *evidence.Subject, d *why.Diagnosis) bool {
	switch {
	case f.noPack:
		return false
	case f.pack:
		return true
	}
	return s.PID == 0 && (d.Verdict == why.Data || d.Verdict == why.Borderline)
}

func oneLine(err error) string {
	text := err.Error()
	if hint := errs.HintOf(err); hint != "" {
		text += " (" + hint + ")"
	}
	return strings.ReplaceAll(text, "\n", " ")
}

// keepDiagnosis writes the answer to the history. Losing it costs comfort only.
func keepDiagnosis(ctx context.Context, uid string, d why.Diagnosis) {
	state, err := rundir.OpenState()
	if err != nil || uid == "" {
		return
	}
	db, err := history.Open(ctx, state.History())
	if err != nil {
		return
	}
	defer db.Close() //nolint:errcheck // nothing is left to write
	if raw, err := json.Marshal(d); err == nil {
		_ = db.SetDiagnosis(ctx, uid, raw)
	}
}

// printDiagnosis: the sentence, the evidence, the cures.
func printDiagnosis(out io.Writer, d why.Diagnosis, allRungs bool) error {
	var b strings.Builder
	b.WriteString(d.Sentence + ".\n")
	if len(d.Evidence) > 0 {
		b.WriteString("\nEvidence\n")
	}
	for _, line := range d.Evidence {
		b.WriteString("  " + line + "\n")
	}
	if allRungs {
		b.WriteString("\nRungs\n")
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, r := range d.Rungs {
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", r.Name, r.Verdict, shareText(r), r.Limit, conclusive(r))
		}
		_ = t.Flush()
	}
	if len(d.Cures) > 0 {
		b.WriteString("\nCures, cheapest first, with what each saves of a step at most\n")
	}
	for _, c := range d.Cures {
		fmt.Fprintf(&b, "  %-16s %s\n  %-16s %s\n  %-16s %s\n", gainText(c), c.Title, "", c.How, "", "because "+c.Why)
	}
	if p := d.Pack; p != nil {
		for _, n := range p.Notes {
			b.WriteString("  note: " + n + "\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func shareText(r why.Rung) string {
	if r.Share < 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %% (%.1f to %.1f)", 100*r.Share, 100*r.Low, 100*r.High)
}

func conclusive(r why.Rung) string {
	if r.Conclusive {
		return "conclusive"
	}
	return "not conclusive"
}

// gainText is what a cure saves: "31 %, 1 h 52".
func gainText(c why.Cure) string {
	text := fmt.Sprintf("%.0f %%", 100*c.Gain)
	if c.Seconds >= 1 {
		text += ", " + bar.Duration(c.Seconds)
	}
	return text
}
