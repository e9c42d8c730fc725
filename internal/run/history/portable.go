package history

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"stoker/internal/errs"
)

// Moved counts what an export or an import carried.
type Moved struct {
	Runs, Calibrations, Cures, Forecasts int
	Unknown                              int // lines of a later Stoker's, left out
}

// String says it in words: "3 runs, 1 calibration".
func (m Moved) String() string {
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{{m.Runs, "run"}, {m.Calibrations, "calibration"}, {m.Cures, "cure"}, {m.Forecasts, "forecast"}} {
		if c.n == 0 && c.what != "run" {
			continue
		}
		if c.n != 1 {
			c.what += "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
	}
	if m.Unknown > 0 {
		parts = append(parts, fmt.Sprintf("%d lines left out that only a later stoker knows", m.Unknown))
	}
	return strings.Join(parts, ", ")
}

// The types of a line that is no run. A run has none: that is how they were
// written before there was anything else.
const (
	calibrationType = "calibration"
	cureType        = "cure"
	forecastType    = "forecast"
)

// Export writes everything as lines of JSON: runs first, oldest first, so that a
// program that knows only runs gets all of them.
func (d *DB) Export(ctx context.Context, w io.Writer) (m Moved, err error) {
	out := json.NewEncoder(w)
	if m.Runs, err = export(ctx, out, d.All, func(r Run) any { return r }); err != nil {
		return m, err
	}
	m.Calibrations, err = export(ctx, out, d.Calibrations, func(c Calibration) any {
		return struct {
			Type string `json:"type"`
			Calibration
		}{calibrationType, c}
	})
	if err != nil {
		return m, err
	}
	m.Cures, err = export(ctx, out, d.Cures, func(c Cure) any {
		return struct {
			Type string `json:"type"`
			Cure
		}{cureType, c}
	})
	if err != nil {
		return m, err
	}
	m.Forecasts, err = export(ctx, out, d.Forecasts, func(f Forecast) any {
		return struct {
			Type string `json:"type"`
			Forecast
		}{forecastType, f}
	})
	return m, err
}

func export[T any](ctx context.Context, out *json.Encoder, list func(context.Context) ([]T, error), line func(T) any) (n int, err error) {
	values, err := list(ctx)
	if err != nil {
		return 0, err
	}
	for _, v := range values {
		if err := out.Encode(line(v)); err != nil {
			return n, errs.New(errs.Exhausted, "export: %w", err)
		}
		n++
	}
	return n, nil
}

// maxLine bounds one line of an import.
const maxLine = 4 << 20

// Import adds what another machine's Export wrote. What is already there is
// replaced; a line that cannot be read is errs.Corrupt, and what came before it
// stays.
func (d *DB) Import(ctx context.Context, r io.Reader) (Moved, error) {
	var m Moved
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	for line := 1; in.Scan(); line++ {
		if len(in.Bytes()) == 0 {
			continue
		}
		ok, err := d.importLine(ctx, in.Bytes(), &m)
		if err != nil {
			return m, err
		}
		if !ok {
			return m, errs.New(errs.Corrupt, "line %d is not what stoker exports", line)
		}
	}
	if err := in.Err(); err != nil {
		return m, errs.New(errs.Corrupt, "import: %w", err)
	}
	return m, nil
}

// importLine reports whether the line made sense.
func (d *DB) importLine(ctx context.Context, line []byte, m *Moved) (ok bool, err error) {
	var head struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(line, &head) != nil {
		return false, nil
	}
	switch head.Type {
	case "", "run":
		var r Run
		if json.Unmarshal(line, &r) != nil || r.UID == "" || r.Started.IsZero() {
			return false, nil
		}
		r.Imported = true
		m.Runs++
		return true, d.Put(ctx, r)
	case calibrationType:
		var c Calibration
		if json.Unmarshal(line, &c) != nil || c.MachineKey == "" || c.At.IsZero() {
			return false, nil
		}
		c.Imported = true
		m.Calibrations++
		return true, d.PutCalibration(ctx, c)
	case cureType:
		var c Cure
		if json.Unmarshal(line, &c) != nil || c.ID == "" || c.At.IsZero() {
			return false, nil
		}
		c.Imported = true
		m.Cures++
		return true, d.PutCure(ctx, c)
	case forecastType:
		var f Forecast
		if json.Unmarshal(line, &f) != nil || f.ID == "" || f.Made.IsZero() {
			return false, nil
		}
		f.Imported = true
		m.Forecasts++
		return true, d.PutForecast(ctx, f)
	}
	m.Unknown++
	return true, nil
}
