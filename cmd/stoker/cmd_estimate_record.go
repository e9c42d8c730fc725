package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"stoker/internal/run/forecast"
	"stoker/internal/run/history"
)

// settleForecasts scores the forecasts whose run has been, and returns all.
func settleForecasts(ctx context.Context, db *history.DB) ([]history.Forecast, error) {
	all, err := db.Forecasts(ctx)
	if err != nil {
		return nil, err
	}
	runs, err := db.All(ctx)
	if err != nil {
		return all, err
	}
	settled := forecast.Settle(all, runs)
	for _, f := range settled {
		if err := db.PutForecast(ctx, f); err != nil {
			return all, err
		}
		if i := slices.IndexFunc(all, func(o history.Forecast) bool { return o.ID == f.ID }); i >= 0 {
			all[i] = f
		}
	}
	return all, nil
}

// printForecasts lists the forecasts, newest first, and how they held.
func printForecasts(ctx context.Context, out io.Writer, asJSON bool) error {
	return withHistory(ctx, func(db *history.DB) error {
		all, err := settleForecasts(ctx, db)
		if err != nil {
			return err
		}
		track := forecast.TrackOf(all)
		if asJSON {
			return printJSON(out, map[string]any{"forecasts": all, "track": track})
		}
		var b strings.Builder
		for _, f := range all {
			fmt.Fprintf(&b, "%s  %s, %s to %s  ", f.Made.Format("2006-01-02 15:04"), forecast.Duration(f.Mid), forecast.Duration(f.Low), forecast.Duration(f.High))
			switch {
			case f.Truth < 0:
				b.WriteString("not run yet\n")
			case f.Low <= f.Truth && f.Truth <= f.High:
				fmt.Fprintf(&b, "took %s: held, off by %.0f %%\n", forecast.Duration(f.Truth), 100*(f.Mid-f.Truth)/f.Truth)
			default:
				fmt.Fprintf(&b, "took %s: missed, off by %.0f %%\n", forecast.Duration(f.Truth), 100*(f.Mid-f.Truth)/f.Truth)
			}
		}
		if s := track.Sentence(); s != "" {
			b.WriteString(s + ".\n")
		} else if len(all) == 0 {
			b.WriteString("No forecasts yet; make one with: stoker estimate -- python train.py\n")
		}
		_, err = io.WriteString(out, b.String())
		return err
	})
}
