package progress

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// sample is one line of testdata/samples.jsonl; see the README there.
type sample struct {
	Raw  string         `json:"raw"`
	From string         `json:"from"`
	Want map[string]any `json:"want"`
}

func readSamples(t testing.TB) []sample {
	f, err := os.Open("testdata/samples.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []sample
	in := bufio.NewScanner(f)
	for in.Scan() {
		var s sample
		if err := json.Unmarshal(in.Bytes(), &s); err != nil {
			t.Fatalf("line %d: %v", len(out)+1, err)
		}
		out = append(out, s)
	}
	return out
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// parseAll feeds raw to a fresh Parser and returns what it says, copied.
func parseAll(raw string) []Event {
	p := NewParser(Options{})
	all := append([]Event(nil), p.Feed(noon, []byte(raw))...)
	return append(all, p.Idle(noon)...)
}

func TestSamples(t *testing.T) {
	samples := readSamples(t)
	fromFrameworks := 0
	for _, s := range samples {
		if s.From != "research" {
			fromFrameworks++
		}
		if d := differs(s); d != "" {
			t.Errorf("%q (%s): %s", strings.TrimSpace(s.Raw), s.From, d)
		}
	}
	if len(samples)-fromFrameworks < 64 || fromFrameworks < 60 {
		t.Errorf("%d and %d samples, want at least 64 and 60", len(samples)-fromFrameworks, fromFrameworks)
	}
}

// differs says how the last event of a sample differs from what is wanted.
func differs(s sample) string {
	events := parseAll(s.Raw)
	if s.Want == nil {
		if len(events) != 0 {
			return fmt.Sprintf("got %s, want nothing", asJSON(events[0]))
		}
		return ""
	}
	if len(events) == 0 {
		return "not recognised"
	}
	e := events[len(events)-1]
	var got map[string]any
	_ = json.Unmarshal([]byte(asJSON(e)), &got)
	got["id"] = got["source"]
	for k, want := range s.Want {
		if k == "metrics" {
			for name, v := range want.(map[string]any) {
				if g := e.Metrics[name]; g != v.(float64) {
					return fmt.Sprintf("%s is %v, want %v in %s", name, g, v, asJSON(e))
				}
			}
			continue
		}
		have, ok := got[k]
		if !ok {
			have = zeroOf(want)
		}
		if have != want {
			return fmt.Sprintf("%s is %v, want %v in %s", k, have, want, asJSON(e))
		}
	}
	return ""
}

func zeroOf(v any) any {
	switch v.(type) {
	case float64:
		return 0.0
	case bool:
		return false
	}
	return ""
}

func asJSON(e Event) string {
	for k, v := range e.Metrics {
		if v != v {
			delete(e.Metrics, k) // JSON has no NaN
		}
	}
	b, err := json.Marshal(e)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
