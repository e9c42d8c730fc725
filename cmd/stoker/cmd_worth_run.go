package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/history"
	"stoker/internal/run/listing"
	"stoker/internal/run/payback"
	"stoker/internal/run/prices"
	"stoker/internal/run/rundir"
	"stoker/internal/run/why"
	"stoker/internal/settings"
	"stoker/internal/worth"
)

// ofRun answers about the cures of a run.
func (f worthFlags) ofRun(ctx context.Context, out io.Writer, ref string) error {
	c, err := gatherCase(ctx, ref)
	if err != nil {
		return err
	}
	told, err := f.told()
	if err != nil {
		return err
	}
	advice, err := payback.Weigh(c, told)
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(out).Encode(adviceJSON(advice))
	}
	fmt.Fprintln(out, advice.Headline)
	for _, i := range advice.Items {
		title := i.Title
		if title == "" {
			title = i.ID
		} else {
			title = i.ID + ": " + title
		}
		fmt.Fprintf(out, "\n%s\n  %s\n", title, i.Sentence)
		if i.How != "" {
			fmt.Fprintf(out, "  how: %s\n", i.How)
		}
	}
	if len(advice.Items) > 0 {
		fmt.Fprintln(out)
		for _, line := range advice.Assumed {
			fmt.Fprintln(out, line)
		}
	}
	return nil
}

// adviceJSON joins what is said of each cure with its figures.
func adviceJSON(a payback.Advice) map[string]any {
	cures := []map[string]any{}
	for _, i := range a.Items {
		one := worthJSON(i.Question, i.Answer)
		one["cure"], one["title"], one["how"], one["free"] = i.ID, i.Title, i.How, i.Free
		cures = append(cures, one)
	}
	out := map[string]any{"headline": a.Headline, "cures": cures, "assumed": a.Assumed}
	if a.Ends != "" {
		out["ends"] = a.Ends
	}
	return out
}

// told turns the flags that were given into what the past need not tell.
func (f worthFlags) told() (payback.Told, error) {
	t := payback.Told{Cure: f.cure, Check: f.check.Hours()}
	for _, r := range []struct {
		flag, text string
		parse      func(string) (float64, error)
		to         **worth.Range
	}{{"--save", f.save, parseHours, &t.Save}, {"--cost", f.work, parseHours, &t.Work}, {"--runs", f.runs, parseNumber, &t.Runs}} {
		if r.text == "" {
			continue
		}
		value, err := parseRange(r.flag, r.text, r.parse)
		if err != nil {
			return t, err
		}
		*r.to = &value
	}
	if t.Save != nil && t.Work == nil {
		return t, errs.New(errs.Invalid, "--save without --cost").WithHint("say also what the work is: --cost 1h")
	}
	for flag, to := range map[string]struct {
		value *float64
		at    **float64
	}{"chance": {&f.chance, &t.Chance}, "attended": {&f.attended, &t.Attended}, "person": {&f.person, &t.Person}, "machine": {&f.machine, &t.Machine}} {
		if f.typed(flag) {
			*to.at = to.value
		}
	}
	if f.record != "" {
		record, err := parseRecord(f.record)
		t.Record = &record
		return t, err
	}
	return t, nil
}

// siblings is how many runs of the command are looked at.
const siblings = 500

// gatherCase collects a run and what is known around it.
func gatherCase(ctx context.Context, ref string) (payback.Case, error) {
	c := payback.Case{Now: time.Now()}
	var err error
	if c.Settings, err = settings.Load(); err != nil {
		return c, err
	}
	list, err := prices.Load(c.Settings.Prices)
	if err != nil {
		return c, err
	}
	err = withHistory(ctx, func(db *history.DB) error {
		if c.Run, err = db.Find(ctx, ref); err != nil {
			return err
		}
		if c.Siblings, err = db.OfCommand(ctx, c.Run.CommandKey, "", siblings); err != nil {
			return err
		}
		if c.Cures, err = db.Cures(ctx); err != nil {
			return err
		}
		c.Began, err = db.Began(ctx)
		return err
	})
	if err != nil {
		return c, err
	}
	c.Price = list.Of(c.Run.Machine, c.Settings)
	var d why.Diagnosis
	if json.Unmarshal(c.Run.Diagnosis, &d) == nil && len(c.Run.Diagnosis) > 0 {
		c.Diagnosis = &d
	}
	if c.Run.Ended.IsZero() && !c.Run.Imported {
		c.Live = liveNow(&c.Run)
	}
	return c, nil
}

// liveNow says how far a run is that has not ended; nil if its end is only not in
// the history yet.
func liveNow(r *history.Run) *payback.Live {
	state, err := rundir.OpenState()
	if err != nil {
		return nil
	}
	row, ok := listing.One(state, state.Run(r.ID))
	if !ok || !row.Live() {
		return nil
	}
	live := payback.Live{Mid: -1, Low: -1, High: -1, Lose: -1, Elapsed: time.Since(r.Started).Seconds()}
	if p := row.Progress; p != nil && !p.EpochOnly {
		since := time.Since(p.At).Seconds()
		live.Elapsed, live.Lose = p.Elapsed+since, p.LoseSeconds
		if p.RemainingMid >= 0 {
			live.Low, live.Mid, live.High = max(0, p.RemainingLow-since), max(0, p.RemainingMid-since), max(0, p.RemainingHigh-since)
		}
	}
	return &live
}
