// Package settings holds what a user tells Stoker once: what an hour of a person
// and of a machine costs, in which currency, and how far ahead runs are planned.
//
// It is one text file, `key = value` to a line, # begins a comment:
// $STOKER_CONFIG, else stoker/config in the user's configuration directory. No
// file is no error: every setting has a default. Flags of commands go first.
package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stoker/internal/errs"
)

// Settings are all of them. Money is in Currency.
type Settings struct {
	Currency    string        // as it is printed: USD, EUR
	Exchange    float64       // of one unit of the price list's currency; 0 not told
	PersonHour  float64       // 0: has no price
	MachineHour float64       // negative: from the price list
	Electricity float64       // a kWh
	Attended    float64       // share of the wait that costs a person time; negative: from working hours
	WorkStart   float64       // hour of the day, Monday to Friday
	WorkEnd     float64       //
	Horizon     time.Duration // how far ahead runs are planned
	Chance      float64       // that a cure works, where there is no past
	Years       float64       // that bought hardware lives
	Duty        float64       // share of that life in which it works
	Prices      string        // path of a price list of one's own; "" is the one built in

	Path string   // of the file that was read; where it would lie if there is none
	Set  []string // keys that the file sets
}

// Default returns the settings that hold without a file.
func Default() Settings {
	return Settings{Currency: "USD", PersonHour: 50, MachineHour: -1, Electricity: 0.30, Attended: -1, WorkStart: 9, WorkEnd: 18,
		Horizon: 30 * 24 * time.Hour, Chance: 0.5, Years: 3, Duty: 0.25}
}

// maxFile bounds a settings file.
const maxFile = 1 << 16

// Load reads the user's file. Errors are errs.Invalid with the line, or
// errs.Permission.
func Load() (Settings, error) {
	path := os.Getenv("STOKER_CONFIG")
	if path == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return Default(), nil //nolint:nilerr // no home, no file
		}
		path = filepath.Join(dir, "stoker", "config")
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		s := Default()
		s.Path = path
		return s, nil
	}
	if err != nil {
		return Default(), errs.New(errs.Permission, "read settings: %w", err).At(path)
	}
	if len(raw) > maxFile {
		return Default(), errs.New(errs.Invalid, "settings of %d bytes: this is another file", len(raw)).At(path)
	}
	s, err := Parse(string(raw))
	var e *errs.Error
	if errors.As(err, &e) {
		return s, e.At(path)
	}
	s.Path = path
	if s.Prices != "" && !filepath.IsAbs(s.Prices) {
		s.Prices = filepath.Join(filepath.Dir(path), s.Prices)
	}
	return s, nil
}

// Parse reads the text of a settings file.
func Parse(text string) (Settings, error) {
	s := Default()
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		if !ok || i < 0 {
			return s, errs.New(errs.Invalid, "line %d: no setting is called %q", number, key).WithHint("lines are KEY = VALUE; keys: %s", keys())
		}
		if !fields[i].set(&s, value) {
			return s, errs.New(errs.Invalid, "line %d: %s = %s makes no sense", number, key, value).WithHint("%s; for example %s = %s", fields[i].about, key, fields[i].example)
		}
		s.Set = append(s.Set, key)
	}
	return s, nil
}
