package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/worth"
)

// worthFlags are the options of `stoker worth` as typed.
type worthFlags struct {
	save, work, runs, record string
	chance, attended         float64
	person, machine          float64
	check                    time.Duration
	json                     bool
}

func worthCommand() *cobra.Command {
	var f worthFlags
	cmd := &cobra.Command{
		Use:   "worth --save TIME --cost TIME --runs N",
		Short: "Say whether a speed-up is worth the work",
		Long: `Weigh the work of a cure against the waiting that it saves, for training or any
other wait that recurs. Amounts may be ranges, LOW..HIGH, that hold the truth four
times of five; the answer then carries the uncertainty through.`,
		Example: `  stoker worth --save 2m --cost 1h --runs 8
  stoker worth --save 1m..4m --cost 2h..5h --runs 100 --record 3/5
  stoker worth --save 40m --cost 1h --runs 20 --attended 0.2 --machine 2.50`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runWorth(cmd.OutOrStdout(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.save, "save", "", "time that each run becomes shorter, such as 2m or 1m..4m")
	flags.StringVar(&f.work, "cost", "", "your work to get there, such as 1h or 1h..3h")
	flags.StringVar(&f.runs, "runs", "", "runs that you still plan, such as 8 or 5..20")
	flags.Float64Var(&f.chance, "chance", 1, "that it works, 0 to 1")
	flags.StringVar(&f.record, "record", "", "instead of --chance: how many of your past cures worked, such as 3/5")
	flags.Float64Var(&f.attended, "attended", 1, "share of the wait that costs you time, 0 to 1 (0: it runs at night)")
	flags.Float64Var(&f.person, "person", 50, "price of an hour of yours, in any currency; 0 where it has none")
	flags.Float64Var(&f.machine, "machine", 0, "price of an hour of the machine, in the same currency")
	flags.DurationVar(&f.check, "check", 0, "length of a run that is needed only to verify the cure")
	flags.BoolVar(&f.json, "json", false, "print the answer as JSON")
	return cmd
}

func runWorth(out io.Writer, f worthFlags) error {
	q, err := f.question()
	if err != nil {
		return err
	}
	answer, err := worth.Weigh(q)
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(out).Encode(worthJSON(q, answer))
	}
	fmt.Fprintln(out, answer.Sentence(q))
	if answer.Verdict == worth.Free {
		return nil
	}
	fmt.Fprintf(out, "\nA run saves %s; it pays with a probability of %.0f %%.\nAssumed: chance %.0f %%, attended %.0f %% of the wait, your hour %g, the machine's %g.\n",
		worth.Duration(q.Save.Mid()), 100*answer.PaysBack, 100*answer.Chance, 100*f.attended, f.person, f.machine)
	return nil
}

// worthJSON is the answer for programs. A break-even that never comes is null.
func worthJSON(q worth.Question, a worth.Answer) map[string]any {
	unit := "money"
	if a.InHours {
		unit = "hours"
	}
	result := map[string]any{"verdict": a.Verdict, "sentence": a.Sentence(q), "net": a.Net, "net_low": a.NetRange.Low,
		"net_high": a.NetRange.High, "unit": unit, "probability": a.PaysBack, "chance": a.Chance,
		"gain_per_run": a.PerRun, "break_even_runs": nil}
	if !math.IsInf(a.BreakEven, 1) {
		result["break_even_runs"] = a.BreakEven
	}
	return result
}

func (f worthFlags) question() (worth.Question, error) {
	q := worth.Question{Chance: f.chance, Attended: f.attended, Person: f.person, Machine: f.machine, Check: f.check.Hours()}
	var err error
	if q.Save, err = parseRange("--save", f.save, parseHours); err != nil {
		return q, err
	}
	if q.Work, err = parseRange("--cost", f.work, parseHours); err != nil {
		return q, err
	}
	number := func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }
	if q.Runs, err = parseRange("--runs", f.runs, number); err != nil {
		return q, err
	}
	if f.record != "" {
		var all int
		if n, err := fmt.Sscanf(f.record, "%d/%d", &q.Works, &all); n != 2 || err != nil || q.Works > all {
			return q, errs.New(errs.Invalid, "--record is %q", f.record).WithHint("write it as 3/5: three of five worked")
		}
		q.Failed = all - q.Works
	}
	return q, nil
}

func parseRange(flag, text string, parse func(string) (float64, error)) (worth.Range, error) {
	if text == "" {
		return worth.Range{}, errs.New(errs.Invalid, "%s is missing", flag).WithHint("for example: stoker worth --save 2m --cost 1h --runs 8")
	}
	low, high, found := strings.Cut(text, "..")
	if !found {
		high = low
	}
	l, errLow := parse(low)
	h, errHigh := parse(high)
	if errLow != nil || errHigh != nil {
		return worth.Range{}, errs.New(errs.Invalid, "%s is %q", flag, text).
			WithHint("times look like 90s, 2m or 1h30m, ranges like 1m..4m, numbers like 8 or 5..20")
	}
	return worth.Range{Low: l, High: h}, nil
}

func parseHours(s string) (float64, error) {
	d, err := time.ParseDuration(s)
	return d.Hours(), err
}
