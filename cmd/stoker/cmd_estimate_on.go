package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"

	"stoker/internal/calibrate"
	"stoker/internal/errs"
	"stoker/internal/run/forecast"
	"stoker/internal/run/history"
	"stoker/internal/run/procs"
	"stoker/internal/run/rundir"
)

// machines finds the calibrations: of this machine and of those named. Without
// names there is nothing to find.
func machines(ctx context.Context, state rundir.State, names []string) (here *forecast.Machine, others []forecast.Machine, err error) {
	if len(names) == 0 {
		return nil, nil, nil
	}
	db, err := history.Open(ctx, state.History())
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	known, err := db.Calibrations(ctx) // newest first
	if err != nil {
		return nil, nil, err
	}
	_, key := procs.Machine()
	own, err := pick(known, func(c history.Calibration) bool { return c.MachineKey == key && !c.Imported })
	if err != nil {
		return nil, nil, err
	}
	if own == nil {
		return nil, nil, errs.New(errs.NotFound, "this machine is not calibrated").WithHint("run first: stoker calibrate (with the dataset, where there is one)")
	}
	m := own.Forecast()
	for _, name := range names {
		r, err := calibrationOf(name, known)
		if err != nil {
			return nil, nil, err
		}
		others = append(others, r.Forecast())
	}
	return &m, others, nil
}

// pick parses the first calibration that is wanted; nil where none is.
func pick(known []history.Calibration, wanted func(history.Calibration) bool) (*calibrate.Report, error) {
	for _, c := range known {
		if wanted(c) {
			return calibrate.Parse(c.Report)
		}
	}
	return nil, nil
}

// calibrationOf finds a machine by its name, or in a file.
func calibrationOf(name string, known []history.Calibration) (*calibrate.Report, error) {
	raw, err := os.ReadFile(name)
	if err == nil {
		return parseCalibrations(name, raw)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, errs.New(errs.Permission, "cannot read the calibration: %w", err).At(name)
	}
	r, err := pick(known, func(c history.Calibration) bool {
		return c.Host == name || len(name) >= 4 && strings.HasPrefix(c.MachineKey, name)
	})
	if r != nil || err != nil {
		return r, err
	}
	var hosts []string
	for _, c := range known {
		if !slices.Contains(hosts, c.Host) {
			hosts = append(hosts, c.Host)
		}
	}
	return nil, errs.New(errs.NotFound, "no calibration of %q", name).
		WithHint("known: %s; bring another with: ssh %s stoker runs export | stoker runs import -", strings.Join(hosts, ", "), name)
}

// parseCalibrations reads a report, or the newest of an export.
func parseCalibrations(path string, raw []byte) (*calibrate.Report, error) {
	if r, err := calibrate.Parse(raw); err == nil {
		return r, nil
	}
	var newest history.Calibration
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var line struct {
			Type string `json:"type"`
			history.Calibration
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Type == "calibration" && line.At.After(newest.At) {
			newest = line.Calibration
		}
	}
	if newest.Report == nil {
		return nil, errs.New(errs.Corrupt, "holds no calibration").At(path).WithHint("make one there with: stoker calibrate --json > machine.json")
	}
	return calibrate.Parse(newest.Report)
}
