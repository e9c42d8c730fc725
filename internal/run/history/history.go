// Package history keeps a record of all runs of one user in an SQLite file: the
// list that `stoker ps` shows, and what earlier runs of a command teach about
// the next one. Losing it costs comfort, never a run: everything that a run
// needs lies in its own directory.
package history

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite", pure Go

	"stoker/internal/errs"
	"stoker/internal/run/estimate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Run is one row.
type Run struct {
	UID        string            `json:"uid"`
	ID         string            `json:"id"`
	Name       string            `json:"name,omitempty"`
	Argv       []string          `json:"argv"`
	CommandKey string            `json:"command_key"`
	Dir        string            `json:"dir"`
	Host       string            `json:"host"`
	Machine    string            `json:"machine,omitempty"`
	MachineKey string            `json:"machine_key,omitempty"`
	Facts      Facts             `json:"facts"`
	Stoker     string            `json:"stoker,omitempty"`
	Started    time.Time         `json:"started"`
	Ended      time.Time         `json:"ended,omitzero"`
	Code       int               `json:"code"`
	Signal     int               `json:"signal,omitempty"`
	Cause      string            `json:"cause,omitempty"`
	Text       string            `json:"text,omitempty"`
	Attempts   int               `json:"attempts"`
	Percent    float64           `json:"percent"`   // of the steps, -1 unknown
	DataWait   float64           `json:"data_wait"` // share of step time, -1 unknown
	Record     *estimate.Record  `json:"record,omitempty"`
	Scores     []estimate.Scored `json:"scores,omitempty"`
	Imported   bool              `json:"imported,omitempty"`

	Timing    *Timing         `json:"timing,omitempty"`
	Diagnosis json.RawMessage `json:"diagnosis,omitempty"` // of package why
	Total     float64         `json:"total,omitempty"`     // projected whole-run seconds of a run that did not complete
}

// DB is an open history. Safe for concurrent use, also by many processes.
type DB struct{ db *sql.DB }

// Open opens or creates the history at path and brings its schema up to date.
// A file of a newer Stoker that this one may not touch is errs.Mismatch.
func Open(ctx context.Context, path string) (*DB, error) {
	q := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, errs.New(errs.Permission, "open history: %w", err).At(path)
	}
	db.SetMaxOpenConns(1)
	if err := migrate(ctx, db); err != nil {
		db.Close()
		var e *errs.Error
		if errs.Is(err, errs.Mismatch) {
			return nil, err
		}
		e = errs.New(errs.Permission, "open history: %w", err).At(path)
		return nil, e.WithHint("runs work without it; move the file away to start a new one")
	}
	return &DB{db}, nil
}

// Close closes the file.
func (d *DB) Close() error { return d.db.Close() }

// migrate applies the embedded scripts above the file's version, each in one
// transaction with the new version number.
func migrate(ctx context.Context, db *sql.DB) error {
	scripts, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	slices.Sort(scripts)
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > len(scripts) {
		return newer(ctx, db, version, len(scripts))
	}
	for ; version < len(scripts); version++ {
		script, err := migrations.ReadFile(scripts[version])
		if err != nil {
			return err
		}
		if err := apply(ctx, db, string(script), version); err != nil {
			return err
		}
	}
	return nil
}

// apply runs one script unless another process did so meanwhile.
func apply(ctx context.Context, db *sql.DB, script string, from int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	var now int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&now); err != nil || now > from {
		return err
	}
	if _, err := tx.ExecContext(ctx, script); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", from+1)); err != nil {
		return err
	}
	return tx.Commit()
}

// newer decides about a file that a later Stoker has changed: additions are no
// matter, and that Stoker says from which version on they are more than that.
func newer(ctx context.Context, db *sql.DB, version, known int) error {
	least := version
	_ = db.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = 'min_reader'").Scan(&least)
	if least > known {
		return errs.New(errs.Mismatch, "the history has schema version %d, this stoker knows %d", version, known).
			WithHint("use the newer stoker; runs work without history meanwhile")
	}
	return nil
}

const columns = `uid, id, name, argv, command_key, dir, host, machine, machine_key, facts, stoker, started, ended,
	code, sig, cause, text, attempts, percent, data_wait, record, scores, imported, timing, diagnosis, total`

// put replaces a row, but keeps what was measured where the new row has nothing:
// a supervisor that took over, or the settling of a lost run, knows less than
// what is there.
const put = "INSERT INTO runs (" + columns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
	ON CONFLICT (uid) DO UPDATE SET id = excluded.id, name = excluded.name, argv = excluded.argv,
	command_key = excluded.command_key, dir = excluded.dir, host = excluded.host, machine = excluded.machine,
	machine_key = excluded.machine_key, stoker = excluded.stoker, started = excluded.started, ended = excluded.ended,
	code = excluded.code, sig = excluded.sig, cause = excluded.cause, text = excluded.text, attempts = excluded.attempts,
	percent = excluded.percent, imported = excluded.imported,
	facts = CASE excluded.facts WHEN '{}' THEN facts ELSE excluded.facts END,
	data_wait = CASE WHEN excluded.data_wait < 0 THEN data_wait ELSE excluded.data_wait END,
	record = CASE excluded.record WHEN '' THEN record ELSE excluded.record END,
	scores = CASE excluded.scores WHEN '' THEN scores ELSE excluded.scores END,
	timing = CASE excluded.timing WHEN '' THEN timing ELSE excluded.timing END,
	diagnosis = CASE excluded.diagnosis WHEN '' THEN diagnosis ELSE excluded.diagnosis END,
	total = CASE excluded.total WHEN 0 THEN total ELSE excluded.total END`

// Put writes one run, or replaces it; what was measured of it is only replaced by
// other measurements.
func (d *DB) Put(ctx context.Context, r Run) error {
	return d.exec(ctx, put, r.UID, r.ID, r.Name, text(Redact(r.Argv)), r.CommandKey, r.Dir, r.Host, r.Machine, r.MachineKey,
		text(r.Facts), r.Stoker, milli(r.Started), milli(r.Ended), r.Code, r.Signal, r.Cause, r.Text, r.Attempts, r.Percent,
		r.DataWait, text(r.Record), text(r.Scores), r.Imported, text(r.Timing), string(r.Diagnosis), r.Total)
}

// SetDiagnosis keeps what `stoker why` found of a run; no such run is no error.
func (d *DB) SetDiagnosis(ctx context.Context, uid string, diagnosis json.RawMessage) error {
	return d.exec(ctx, "UPDATE runs SET diagnosis = ? WHERE uid = ?", string(diagnosis), uid)
}

// Find returns the run that ref names: a uid, a short id or its beginning, a
// name, or "last". The newest one counts where several have the name; a beginning
// that several ids share is errs.Invalid, none is errs.NotFound.
func (d *DB) Find(ctx context.Context, ref string) (Run, error) {
	found, err := d.query(ctx, "SELECT "+columns+` FROM runs WHERE uid = ?1 OR id = ?1 OR name = ?1 AND name <> '' OR ?1 = 'last'
		ORDER BY uid = ?1 DESC, id = ?1 DESC, started DESC LIMIT 1`, ref)
	if err == nil && len(found) == 0 && ref != "" {
		found, err = d.query(ctx, "SELECT "+columns+" FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY started DESC LIMIT 2", ref)
	}
	switch {
	case err != nil:
		return Run{}, err
	case len(found) == 0 && ref == "last":
		return Run{}, errs.New(errs.NotFound, "there are no runs yet").WithHint("start one: stoker run -- python train.py")
	case len(found) == 0:
		return Run{}, errs.New(errs.NotFound, "no run %q in the history", ref).WithHint("stoker ps lists runs; another machine's come with: stoker runs import FILE")
	case len(found) > 1:
		return Run{}, errs.New(errs.Invalid, "several runs begin with %q", ref).WithHint("give more of its id")
	}
	return found[0], nil
}

// OfCommand returns the runs of a command, newest first; machineKey "" means
// those of all machines.
func (d *DB) OfCommand(ctx context.Context, commandKey, machineKey string, limit int) ([]Run, error) {
	return d.query(ctx, "SELECT "+columns+` FROM runs WHERE command_key = ?1 AND (?2 = '' OR machine_key = ?2)
		ORDER BY started DESC LIMIT ?3`, commandKey, machineKey, limit)
}

// Recent returns runs, newest first.
func (d *DB) Recent(ctx context.Context, limit int) ([]Run, error) {
	return d.query(ctx, "SELECT "+columns+" FROM runs ORDER BY started DESC LIMIT ?", limit)
}

// All returns every run, oldest first.
func (d *DB) All(ctx context.Context) ([]Run, error) {
	return d.query(ctx, "SELECT "+columns+" FROM runs ORDER BY started")
}

// Count returns the number of runs.
func (d *DB) Count(ctx context.Context) (n int, err error) {
	err = d.db.QueryRowContext(ctx, "SELECT count(*) FROM runs").Scan(&n)
	return n, err
}

// Delete forgets the run with this short id on this host.
func (d *DB) Delete(ctx context.Context, host, id string) error {
	if _, err := d.db.ExecContext(ctx, "DELETE FROM runs WHERE host = ? AND id = ?", host, id); err != nil {
		return errs.New(errs.Exhausted, "write history: %w", err)
	}
	return nil
}

// DeleteEnded removes the runs that ended before a time and returns their number.
func (d *DB) DeleteEnded(ctx context.Context, before time.Time) (int64, error) {
	done, err := d.db.ExecContext(ctx, "DELETE FROM runs WHERE ended > 0 AND ended < ?", milli(before))
	if err != nil {
		return 0, errs.New(errs.Exhausted, "write history: %w", err)
	}
	return done.RowsAffected()
}

// Lessons returns the records of earlier runs of a command on a machine, oldest
// first: at most the newest limit ones.
func (d *DB) Lessons(ctx context.Context, commandKey, machineKey string, limit int) (estimate.History, error) {
	rows, err := d.db.QueryContext(ctx, `SELECT record FROM runs
		WHERE command_key = ? AND machine_key = ? AND record <> '' ORDER BY started DESC LIMIT ?`, commandKey, machineKey, limit)
	if err != nil {
		return nil, errs.New(errs.Transient, "read history: %w", err)
	}
	defer rows.Close()
	var h estimate.History
	for rows.Next() {
		var raw string
		var rec estimate.Record
		if err := rows.Scan(&raw); err != nil {
			return nil, errs.New(errs.Corrupt, "read history: %w", err)
		}
		if json.Unmarshal([]byte(raw), &rec) == nil {
			h = append(h, rec)
		}
	}
	slices.Reverse(h)
	return h, rows.Err()
}

func (d *DB) query(ctx context.Context, q string, args ...any) ([]Run, error) {
	return rows(ctx, d, q, func(row *sql.Rows) (r Run, err error) {
		var argv, facts, record, scores, timing, diagnosis string
		var started, ended int64
		err = row.Scan(&r.UID, &r.ID, &r.Name, &argv, &r.CommandKey, &r.Dir, &r.Host, &r.Machine, &r.MachineKey, &facts,
			&r.Stoker, &started, &ended, &r.Code, &r.Signal, &r.Cause, &r.Text, &r.Attempts, &r.Percent, &r.DataWait,
			&record, &scores, &r.Imported, &timing, &diagnosis, &r.Total)
		// Damaged JSON loses that member, not the row.
		_ = json.Unmarshal([]byte(argv), &r.Argv)
		_ = json.Unmarshal([]byte(facts), &r.Facts)
		_ = json.Unmarshal([]byte(record), &r.Record)
		_ = json.Unmarshal([]byte(scores), &r.Scores)
		_ = json.Unmarshal([]byte(timing), &r.Timing)
		r.Diagnosis = raw(diagnosis)
		r.Started, r.Ended = fromMilli(started), fromMilli(ended)
		return r, err
	}, args...)
}

// text is v as JSON; "" for nothing.
func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil || string(raw) == "null" {
		return ""
	}
	return string(raw)
}

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// Began is when the oldest run on this machine started; the
// zero time where there is none.
func (d *DB) Began(ctx context.Context) (time.Time, error) {
	var ms int64
	if err := d.db.QueryRowContext(ctx, "SELECT coalesce(min(started), 0) FROM runs WHERE imported = 0").Scan(&ms); err != nil {
		return time.Time{}, errs.New(errs.Transient, "read history: %w", err)
	}
	return fromMilli(ms), nil
}
