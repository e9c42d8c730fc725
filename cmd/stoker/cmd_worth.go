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
	"stoker/internal/settings"
	"stoker/internal/worth"
)

// worthFlags are the options of `stoker worth` as typed.
type worthFlags struct {
	cure, save, work, runs, record string
	chance, attended               float64
	person, machine                float64
	check                          time.Duration
	json                           bool

	typed func(flag string) bool // whether the user gave it
}

func worthCommand() *cobra.Command {
	var f worthFlags
	cmd := &cobra.Command{
		Use:   "worth [RUN]",
		Short: "Say whether a speed-up is worth the work",
		Long: `Weigh the work of a cure against the waiting that it saves. Of a RUN, the gains
come from its diagnosis (stoker why), the planned runs from how often the command
ran lately, the chance from your own past cures (stoker worth done), the share of
the wait that costs you time from when the runs ran. Of a run that goes on, doing
nothing is an answer.

With --save, --cost and --runs alone the amounts are yours: any wait that recurs,
not only training. Without anything it is the last run. Amounts may be ranges,
LOW..HIGH, that hold the truth four times of five; the answer carries the
uncertainty through.
Prices of hours, currency and horizon: stoker config.`,
		Example: `  stoker worth
  stoker worth baseline --cure workers
  stoker worth --save 2m --cost 1h --runs 8
  stoker worth --save 1m..4m --cost 2h..5h --runs 100 --record 3/5
  stoker worth done before after --cure workers --hours 0.5`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.typed = cmd.Flags().Changed
			switch {
			case len(args) == 1:
				return f.ofRun(cmd.Context(), cmd.OutOrStdout(), args[0])
			case f.save == "" && f.work == "" && f.runs == "":
				return f.ofRun(cmd.Context(), cmd.OutOrStdout(), "last")
			}
			return f.ofAmounts(cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.cure, "cure", "", "only this cure of the diagnosis, or what to call your own")
	flags.StringVar(&f.save, "save", "", "time that each run becomes shorter, such as 2m or 1m..4m")
	flags.StringVar(&f.work, "cost", "", "your work to get there, such as 1h or 1h..3h")
	flags.StringVar(&f.runs, "runs", "", "runs that you still plan, such as 8 or 5..20")
	flags.Float64Var(&f.chance, "chance", 1, "that it works, 0 to 1; of a RUN, by your past cures")
	flags.StringVar(&f.record, "record", "", "instead of --chance: how many of your past cures worked, such as 3/5")
	flags.Float64Var(&f.attended, "attended", 1, "share of the wait that costs you time, 0 to 1 (0: it runs at night)")
	flags.Float64Var(&f.person, "person", 50, "price of an hour of yours; 0 where it has none")
	flags.Float64Var(&f.machine, "machine", 0, "price of an hour of the machine")
	flags.DurationVar(&f.check, "check", 0, "length of a run that is needed only to verify the cure")
	flags.BoolVar(&f.json, "json", false, "print the answer as JSON")
	cmd.AddCommand(worthDoneCommand(), worthCuresCommand())
	return cmd
}

// ofAmounts answers about any wait that recurs.
func (f worthFlags) ofAmounts(out io.Writer) error {
	s, err := settings.Load()
	if err != nil {
		return err
	}
	if !f.typed("person") {
		f.person = s.PersonHour
	}
	if !f.typed("machine") && s.MachineHour >= 0 {
		f.machine = s.MachineHour
	}
	q, err := f.question(s.Currency)
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
	fmt.Fprintf(out, "\nA run saves %s; it pays with a probability of %.0f %%.\nAssumed: chance %.0f %%, attended %.0f %% of the wait, an hour of yours %g %s, of the machine %g.\n",
		worth.Duration(q.Save.Mid()), 100*answer.PaysBack, 100*answer.Chance, 100*f.attended, f.person, s.Currency, f.machine)
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

func (f worthFlags) question(currency string) (worth.Question, error) {
	q := worth.Question{Chance: f.chance, Attended: f.attended, Person: f.person, Machine: f.machine, Check: f.check.Hours(), Currency: currency}
	var err error
	if q.Save, err = parseRange("--save", f.save, parseHours); err != nil {
		return q, err
	}
	if q.Work, err = parseRange("--cost", f.work, parseHours); err != nil {
		return q, err
	}
	if q.Runs, err = parseRange("--runs", f.runs, parseNumber); err != nil {
		return q, err
	}
	if f.record != "" {
		record, err := parseRecord(f.record)
		q.Works, q.Failed = record[0], record[1]
		return q, err
	}
	return q, nil
}

// parseRecord reads "3/5": three of five worked, two did not.
func parseRecord(text string) (record [2]int, err error) {
	var all int
	if n, err := fmt.Sscanf(text, "%d/%d", &record[0], &all); n != 2 || err != nil || record[0] > all {
		return record, errs.New(errs.Invalid, "--record is %q", text).WithHint("write it as 3/5: three of five worked")
	}
	record[1] = all - record[0]
	return record, nil
}

func parseRange(flag, text string, parse func(string) (float64, error)) (worth.Range, error) {
	if text == "" {
		return worth.Range{}, errs.New(errs.Invalid, "%s is missing", flag).
			WithHint("for example: stoker worth --save 2m --cost 1h --runs 8, or of a run: stoker worth last")
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

func parseNumber(s string) (float64, error) { return strconv.ParseFloat(s, 64) }
