package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/rundir"
	"stoker/internal/run/screen"
	"stoker/internal/run/seglog"
)

// LogOptions of Logs.
type LogOptions struct {
	Raw    bool // exact bytes instead of clean lines
	Follow bool
	Lines  int // only the last lines; 0: all
	Width  int // of the terminal that shows them; 0: none, nothing is made narrower
	// Ended reports whether the run is over; asked while following.
	Ended func() bool
}

// followEvery is how often a followed log is looked at.
const followEvery = 200 * time.Millisecond

// Logs writes a run's log to w. It reads files only, so it works for every run,
// ended or not, whatever its processes do.
func Logs(ctx context.Context, d rundir.Dir, o LogOptions, w io.Writer) error {
	dir := d.Clean()
	if o.Raw {
		dir = d.Raw()
	}
	off, err := startOf(dir, o.Lines)
	if err != nil {
		return err
	}
	if o.Width > 0 && !o.Raw {
		w = &narrow{w: w, width: o.Width}
	}
	for {
		ended := o.Ended()
		if off, err = copyLog(dir, off, w); err != nil {
			return err
		}
		switch {
		case ended && o.Follow, !o.Follow && (o.Raw || ended):
			return nil
		case !o.Follow:
			return liveLines(d, w)
		}
		select {
		case <-time.After(followEvery):
		case <-ctx.Done():
			return nil
		}
	}
}

// copyLog writes what the log has from off on and returns where it stopped.
func copyLog(dir string, off int64, w io.Writer) (int64, error) {
	buf := make([]byte, 64<<10)
	for {
		n, at, err := seglog.ReadAt(dir, buf, off)
		if errors.Is(err, io.EOF) || errs.Is(err, errs.NotFound) { // a new supervisor writes the log anew
			return off, nil
		}
		if err != nil {
			return off, err
		}
		if at > off && off > 0 {
			_, _ = io.WriteString(w, "\n[stoker: a part of the log was dropped here to stay under its cap]\n")
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return off, errs.New(errs.Transient, "write: %w", err)
		}
		off = at + int64(n)
	}
}

// startOf finds where the last lines begin.
func startOf(dir string, lines int) (int64, error) {
	if lines <= 0 {
		return 0, nil
	}
	_, end, err := seglog.Bounds(dir)
	if err != nil {
		return 0, err
	}
	for size := int64(16 << 10); ; size *= 4 {
		tail, err := seglog.Tail(dir, size)
		if err != nil {
			return 0, err
		}
		cut := len(bytes.TrimSuffix(tail, []byte("\n")))
		for range lines {
			cut = max(bytes.LastIndexByte(tail[:max(cut, 0)], '\n'), -1)
			if cut < 0 {
				break
			}
		}
		if cut >= 0 || int64(len(tail)) < size || size >= seglog.DefaultCap {
			return end - int64(len(tail)) + int64(cut) + 1, nil
		}
	}
}

// liveLines writes the lines that are still being drawn: a bar that has not
// ended is in no clean log yet.
func liveLines(d rundir.Dir, w io.Writer) error {
	raw, err := seglog.Tail(d.Raw(), 32<<10)
	if err != nil {
		return nil //nolint:nilerr // no output yet
	}
	s := screen.New(1, func(string) {})
	_, _ = s.Write(raw)
	_, live, _ := s.Tail(0)
	if text := strings.TrimSpace(strings.Join(live, "\n")); text != "" {
		_, err = io.WriteString(w, text+"\n")
	}
	return err
}
