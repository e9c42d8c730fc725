package main

import (
	"encoding/json"
	"strings"
	"testing"

	"stoker/internal/errs"
)

func TestBenchForPeopleAndForPrograms(t *testing.T) {
	t.Setenv("STOKER_CACHE_DIR", t.TempDir())
	dir := smallDataset(t)
	text, err := dataCLI(t, "bench", dir, "--epochs", "2", "--batch-size", "2", "--transform", "rrc:16", "-q")
	if err != nil || !strings.HasPrefix(text, "speed ") || !strings.Contains(text, "\nfed ") {
		t.Errorf("printed %q, %v", text, err)
	}
	text, err = dataCLI(t, "bench", dir, "--epochs", "1", "--batch-size", "2", "--transform", "rrc:16,float16", "--sim-step", "1ms", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var r map[string]any
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"samples_per_second", "time_to_first_batch_s", "peak_rss_bytes", "stages", "limit", "utilisation"} {
		if r[key] == nil {
			t.Errorf("%s is not in %s", key, text)
		}
	}
	for _, args := range [][]string{{}, {dir, "--transform", "rcc:16"}, {dir, "--on-bad", "maybe"}, {dir, "--epochs", "-1"}} {
		if _, err := dataCLI(t, append([]string{"bench"}, args...)...); !errs.Is(err, errs.Invalid) {
			t.Errorf("%v: error is %v", args, err)
		}
	}
}
