package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/internal/errs"
	"stoker/internal/run/prices"
	"stoker/internal/settings"
)

// TestConfigFromNothingToAListOfOnesOwn walks the way of a user who sets his own
// prices.
func TestConfigFromNothingToAListOfOnesOwn(t *testing.T) {
	ownState(t)
	out, err := dataCLI(t, "config")
	if err != nil || !strings.Contains(out, "not there: defaults hold") || !strings.Contains(out, "person_hour") {
		t.Fatal(out, err)
	}
	if _, err := dataCLI(t, "config", "--create"); err != nil {
		t.Fatal(err)
	}
	if _, err := dataCLI(t, "config", "--create"); !errs.Is(err, errs.Invalid) {
		t.Error("a file was overwritten", err)
	}
	if s, err := settings.Load(); err != nil || s.PersonHour != settings.Default().PersonHour {
		t.Error(s, err)
	}
	list, err := dataCLI(t, "config", "--prices")
	if err != nil || list != string(prices.BuiltIn()) {
		t.Fatal(err)
	}
	path := os.Getenv("STOKER_CONFIG")
	own := strings.Replace(list, "0.526", "0.111", 1)
	for name, text := range map[string]string{path: "prices = own.json\n", filepath.Join(filepath.Dir(path), "own.json"): own} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if list, err = dataCLI(t, "config", "--prices"); err != nil || list != own {
		t.Error(err)
	}
	if out, err = dataCLI(t, "config", "--json"); err != nil || !strings.Contains(out, `own.json"`) {
		t.Error(out, err)
	}
}
