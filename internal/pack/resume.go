package pack

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/source"
)

// sourceName is the file in an unfinished dataset's folder that says of which
// pictures it is made: their fingerprints, 8 bytes each, little endian.
const sourceName = "source"

// resume finds out where in the source an earlier run stopped, and that the part
// of the source before has not changed since. What comes after may have: whoever
// removed or repaired the picture that stopped a run goes on from there.
func (p *packer) resume() error {
	rows, bad := p.writer.Done()
	p.first = int(rows) + len(bad)
	p.done = p.first
	path := filepath.Join(partial(p.opts.Output), sourceName)
	now := p.src.Fingerprints()
	if p.first > 0 {
		before, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errs.New(errs.Permission, "cannot read what an earlier run was about: %w", errs.WithoutPath(err)).At(path)
		}
		if err := p.compare(before, now); err != nil {
			return err
		}
	}
	data := make([]byte, 0, 8*len(now))
	for _, h := range now {
		data = binary.LittleEndian.AppendUint64(data, h)
	}
	// Renamed into place: a kill between leaves one list or the other, and both
	// begin with what is packed.
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return writeError(err, path)
	}
	return writeError(os.Rename(path+".new", path), path)
}

// compare refuses a source whose packed part is not as it was.
func (p *packer) compare(before []byte, now []uint64) error {
	for i := range p.first {
		switch {
		case i >= len(now):
			return sourceChanged("%d files were packed, and now there are %d", p.first, len(now)).At(p.src.Root)
		case 8*i+8 > len(before) || binary.LittleEndian.Uint64(before[8*i:]) != now[i]:
			return sourceChanged("this file is new, or its size, time, label or fields are others").
				At(source.Printable(p.src.Path(i)))
		}
	}
	return nil
}

func sourceChanged(format string, args ...any) *errs.Error {
	e := errs.New(errs.Mismatch, format, args...).WithHint("begin anew with --restart")
	e.Msg = "the source has changed since the unfinished dataset was begun: " + e.Msg
	return e
}

// writeError says what kind of failure a failed write is, and that it costs
// nothing.
func writeError(err error, path string) error {
	if err == nil {
		return nil
	}
	kind := errs.Exhausted // a disk that is full is the usual reason
	if errors.Is(err, fs.ErrPermission) {
		kind = errs.Permission
	}
	return errs.New(kind, "cannot write: %w", errs.WithoutPath(err)).At(path).
		WithHint("make room and run the same command again: it continues where it stopped")
}

// types returns names and types of fields. Their other facts change with rows that
// may still change.
func types(fields []dataset.Field) []dataset.Field {
	var out []dataset.Field
	for _, f := range fields {
		out = append(out, dataset.Field{Name: f.Name, Type: f.Type})
	}
	return out
}
