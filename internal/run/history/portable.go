package history

import (
	"bufio"
	"context"
	"encoding/json"
	"io"

	"stoker/internal/errs"
)

// Export writes every run as one line of JSON, oldest first.
func (d *DB) Export(ctx context.Context, w io.Writer) (n int, err error) {
	runs, err := d.All(ctx)
	if err != nil {
		return 0, err
	}
	out := json.NewEncoder(w)
	for _, r := range runs {
		if err := out.Encode(r); err != nil {
			return n, errs.New(errs.Exhausted, "export: %w", err)
		}
		n++
	}
	return n, nil
}

// maxLine bounds one line of an import.
const maxLine = 4 << 20

// Import adds runs from another machine's Export. A run that is already there is
// replaced; a line that is no run is errs.Corrupt, and what came before it stays.
func (d *DB) Import(ctx context.Context, r io.Reader) (n int, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	for line := 1; in.Scan(); line++ {
		if len(in.Bytes()) == 0 {
			continue
		}
		var run Run
		if err := json.Unmarshal(in.Bytes(), &run); err != nil || run.UID == "" || run.Started.IsZero() {
			return n, errs.New(errs.Corrupt, "line %d is not an exported run", line)
		}
		run.Imported = true
		if err := d.Put(ctx, run); err != nil {
			return n, err
		}
		n++
	}
	if err := in.Err(); err != nil {
		return n, errs.New(errs.Corrupt, "import: %w", err)
	}
	return n, nil
}
