package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"stoker/internal/errs"
)

// Calibration is what `stoker calibrate` measured of one machine.
type Calibration struct {
	Host       string          `json:"host"`
	MachineKey string          `json:"machine_key"`
	At         time.Time       `json:"at"`
	Report     json.RawMessage `json:"report"` // of package calibrate
	Imported   bool            `json:"imported,omitempty"`
}

// Gain is a share of a run's time that was, or will be, saved: 0.2 makes a run of
// ten minutes one of eight; negative is a loss. It lies between Low and High with
// a probability of 80 %.
type Gain struct {
	Low  float64 `json:"low"`
	Mid  float64 `json:"mid"`
	High float64 `json:"high"`
}

// Cure is something that was done to make the runs of a command faster.
type Cure struct {
	ID         string    `json:"id"` // unique over all machines
	Host       string    `json:"host"`
	CommandKey string    `json:"command_key,omitempty"`
	Cure       string    `json:"cure"`   // a cure's id of package why, or the user's own word
	Before     []string  `json:"before"` // uids of runs
	After      []string  `json:"after"`
	Predicted  *Gain     `json:"predicted,omitempty"`
	Measured   *Gain     `json:"measured,omitempty"`
	Hours      float64   `json:"hours"`  // of work, -1 not told
	Worked     bool      `json:"worked"` // the measured gain lay beyond the noise
	At         time.Time `json:"at"`
	Imported   bool      `json:"imported,omitempty"`
}

// Forecast says how long a whole run will take, made before it.
type Forecast struct {
	ID         string          `json:"id"`            // unique over all machines
	UID        string          `json:"uid,omitempty"` // the run that showed the truth
	CommandKey string          `json:"command_key,omitempty"`
	Made       time.Time       `json:"made"`
	MachineKey string          `json:"machine_key"` // of the machine that it speaks of
	Low        float64         `json:"low"`         // seconds
	Mid        float64         `json:"mid"`
	High       float64         `json:"high"`
	Truth      float64         `json:"truth"` // seconds, -1 not known yet
	Basis      json.RawMessage `json:"basis,omitempty"`
	Imported   bool            `json:"imported,omitempty"`
}

// PutCalibration writes or replaces one calibration.
func (d *DB) PutCalibration(ctx context.Context, c Calibration) error {
	return d.exec(ctx, `INSERT OR REPLACE INTO calibrations (host, machine_key, at, report, imported) VALUES (?,?,?,?,?)`,
		c.Host, c.MachineKey, milli(c.At), string(c.Report), c.Imported)
}

// Calibrations returns all calibrations, newest first.
func (d *DB) Calibrations(ctx context.Context) ([]Calibration, error) {
	return rows(ctx, d, `SELECT host, machine_key, at, report, imported FROM calibrations ORDER BY at DESC`,
		func(r *sql.Rows) (c Calibration, err error) {
			var at int64
			var report string
			err = r.Scan(&c.Host, &c.MachineKey, &at, &report, &c.Imported)
			c.At, c.Report = fromMilli(at), raw(report)
			return c, err
		})
}

// PutCure writes or replaces one cure.
func (d *DB) PutCure(ctx context.Context, c Cure) error {
	return d.exec(ctx, `INSERT OR REPLACE INTO cures
		(id, host, command_key, cure, before, after, predicted, measured, hours, worked, at, imported) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`,
		c.ID, c.Host, c.CommandKey, c.Cure, text(c.Before), text(c.After), text(c.Predicted), text(c.Measured),
		c.Hours, c.Worked, milli(c.At), c.Imported)
}

// Cures returns all cures, newest first.
func (d *DB) Cures(ctx context.Context) ([]Cure, error) {
	return rows(ctx, d, `SELECT id, host, command_key, cure, before, after, predicted, measured, hours, worked, at, imported
		FROM cures ORDER BY at DESC`, func(r *sql.Rows) (c Cure, err error) {
		var at int64
		var before, after, predicted, measured string
		err = r.Scan(&c.ID, &c.Host, &c.CommandKey, &c.Cure, &before, &after, &predicted, &measured, &c.Hours, &c.Worked, &at, &c.Imported)
		_ = json.Unmarshal([]byte(before), &c.Before)
		_ = json.Unmarshal([]byte(after), &c.After)
		_ = json.Unmarshal([]byte(predicted), &c.Predicted)
		_ = json.Unmarshal([]byte(measured), &c.Measured)
		c.At = fromMilli(at)
		return c, err
	})
}

// PutForecast writes or replaces one forecast.
func (d *DB) PutForecast(ctx context.Context, f Forecast) error {
	return d.exec(ctx, `INSERT OR REPLACE INTO forecasts
		(id, uid, command_key, made, machine_key, low, mid, high, truth, basis, imported) VALUES (?,?,?,?,?,?,?,?,?,?,?)`,
		f.ID, f.UID, f.CommandKey, milli(f.Made), f.MachineKey, f.Low, f.Mid, f.High, f.Truth, string(f.Basis), f.Imported)
}

// Forecasts returns all forecasts, newest first.
func (d *DB) Forecasts(ctx context.Context) ([]Forecast, error) {
	return rows(ctx, d, `SELECT id, uid, command_key, made, machine_key, low, mid, high, truth, basis, imported
		FROM forecasts ORDER BY made DESC`, func(r *sql.Rows) (f Forecast, err error) {
		var made int64
		var basis string
		err = r.Scan(&f.ID, &f.UID, &f.CommandKey, &made, &f.MachineKey, &f.Low, &f.Mid, &f.High, &f.Truth, &basis, &f.Imported)
		f.Made, f.Basis = fromMilli(made), raw(basis)
		return f, err
	})
}

func (d *DB) exec(ctx context.Context, q string, args ...any) error {
	if _, err := d.db.ExecContext(ctx, q, args...); err != nil {
		return errs.New(errs.Exhausted, "write history: %w", err)
	}
	return nil
}

// rows runs a query and reads each of its rows.
func rows[T any](ctx context.Context, d *DB, q string, read func(*sql.Rows) (T, error), args ...any) (out []T, err error) {
	result, err := d.db.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, errs.New(errs.Transient, "read history: %w", err)
	}
	defer result.Close()
	for result.Next() {
		v, err := read(result)
		if err != nil {
			return nil, errs.New(errs.Corrupt, "read history: %w", err)
		}
		out = append(out, v)
	}
	return out, result.Err()
}

// raw is text as JSON; nil where it is empty or damaged.
func raw(text string) json.RawMessage {
	if !json.Valid([]byte(text)) {
		return nil
	}
	return json.RawMessage(text)
}
